// Package oracle is a counter in Python that shares no code with gatemeter: see oracle.py. Package e2e asks it what gatemeter
// must come to.
package oracle

import (
	"os/exec"
	"testing"
)

func TestOracle(t *testing.T) {
	out, err := exec.Command("python3", "-B", "-m", "unittest", "test_oracle").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
