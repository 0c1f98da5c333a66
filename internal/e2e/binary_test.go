package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// binary is the path of the gatemeter that the tests drive, built by TestMain from this tree.
var binary string

func TestMain(m *testing.M) {
	if order := os.Getenv("GATEMETER_BENCH_READER"); order != "" { // a process of TestBenchKafka's
		os.Exit(readForBench(order))
	}
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "gatemeter-e2e")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "gatemeter")
	build := exec.Command("go", "build", "-pgo=auto", "-trimpath", "-o", binary, "../../cmd/gatemeter") // as it is released
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if raced() { // a race is no line of JSON in the log, which fails the test that reads it
		build = exec.Command("go", "build", "-race", "-o", binary, "../../cmd/gatemeter")
		build.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build gatemeter: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// raced reports whether gatemeter is built with the race detector, which takes several times the memory.
func raced() bool { return os.Getenv("GATEMETER_E2E_RACE") != "" }

// object is a JSON object, and so a YAML one.
type object = map[string]any

// instance is a gatemeter with its config and data folder.
type instance struct {
	dir    string
	config object
	admin  string // its own address
}

// newInstance returns a gatemeter with a config of what is given, and a data_dir, an address and the shard's label.
func newInstance(t *testing.T, config object) *instance {
	t.Helper()
	g := &instance{dir: t.TempDir(), config: config, admin: servers.FreeAddress(t)}
	config["data_dir"] = filepath.Join(g.dir, "data")
	config["listen"] = g.admin
	config["shard"] = shard
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(g.dir, "gatemeter.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

// command is `gatemeter run` with more arguments.
func (g *instance) command(args ...string) servers.Command {
	return servers.Command{
		Name:   "gatemeter",
		Args:   append([]string{binary, "run", "-c", filepath.Join(g.dir, "gatemeter.yaml")}, args...),
		Output: filepath.Join(g.dir, "output.log"),
	}
}

// live starts gatemeter and returns when it is ready.
func (g *instance) live(t *testing.T) *servers.Server {
	t.Helper()
	c := g.command()
	c.Ready = func() error {
		resp, err := http.Get("http://" + g.admin + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET /readyz: %s", resp.Status)
		}
		return nil
	}
	return servers.Start(t, c)
}

// generate writes n lines of a format of `gatemeter gen`; more are its other flags.
func generate(t *testing.T, file, format string, n int, more ...string) {
	t.Helper()
	args := append([]string{"gen", "--format", format, "-n", fmt.Sprint(n), "-o", file}, more...)
	if out, err := exec.Command(binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("gatemeter %q: %v\n%s", args, err, out)
	}
}
