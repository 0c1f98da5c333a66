package servers

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// Load sends n GET requests for url with `ab`, at most 8 at a time over connections that are kept, and fails the test unless
// all were answered. It is safe for concurrent use.
func Load(t testing.TB, url string, n int, headers ...string) error {
	args := []string{"-q", "-k", "-l", "-n", strconv.Itoa(n), "-c", "8"}
	for _, h := range headers {
		args = append(args, "-H", h)
	}
	out, err := exec.Command(mustExist(t, "/usr/bin/ab"), append(args, url)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ab %s: %w\n%s", url, err, out)
	}
	for _, want := range []string{`Complete requests:\s+` + strconv.Itoa(n) + `\n`, `Failed requests:\s+0\n`} {
		if !regexp.MustCompile(want).Match(out) {
			return fmt.Errorf("ab %s: no %q in its report:\n%s", url, want, out)
		}
	}
	return nil
}
