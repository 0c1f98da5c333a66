package docker

import "testing"

func TestLine(t *testing.T) {
	f := func(line, want string, ok bool) {
		t.Helper()
		var u Unwrapper
		got, gotOK := u.Line([]byte(line))
		if gotOK != ok || string(got) != want && ok {
			t.Errorf("%s: %q, %v", line, got, gotOK)
		}
	}
	f(`{"log":"a \"b\"\n","stream":"stdout","time":"2025-01-01T00:00:00Z"}`, `a "b"`, true)
	f(`{"@timestamp":"2025-01-01T00:00:00Z","log":{"offset":7},"message":"a"}`, "a", true)
	f(`{"log":"\r\n"}`, "", false)
	f(`{"log":7,"msg":"a"}`, "", false)
	f(`{"log":"a`, "", false)
	f(`[]`, "", false)
	if !Is([]byte(`{"log":"a"}`)) || Is([]byte(`{"logs":"a"}`)) {
		t.Error("Is does not know a line of Docker's")
	}
}
