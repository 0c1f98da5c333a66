package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// TestCheckKafka: what a login lacks on this machine is said with its key, and with --dial whether brokers and topics are there.
func TestCheckKafka(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "logs"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	broker := cluster.ListenAddrs()[0]
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	nothing := filepath.Join(t.TempDir(), "nothing")
	for name, value := range map[string]string{"HOME": nothing, "AWS_CONFIG_FILE": nothing, "AWS_SHARED_CREDENTIALS_FILE": nothing, "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	f := func(code int, source, want string, args ...string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte("data_dir: "+t.TempDir()+"\nsources: {gw: {type: kafka, "+source+"}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		root := newRootCommand()
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(append([]string{"check", "-c", path}, args...))
		err := root.Execute()
		got := 0
		if e := (*exitError)(nil); errors.As(err, &e) {
			got = e.code
		}
		if got != code || !strings.Contains(out.String(), want) {
			t.Errorf("%s %q: %d, %v, want %d and %q\n%s", source, args, got, err, code, want, out.String())
		}
		if strings.Contains(out.String(), "hidden") {
			t.Errorf("the secret is said: %s", out.String())
		}
	}
	const iam = `brokers: ["tls://127.0.0.1:1"], topics: [logs], sasl: aws_msk_iam`
	f(exitWrongConfig, iam, "sources.gw.sasl: aws_msk_iam: no AWS region")
	f(exitWrongConfig, iam, "sources.gw.sasl: aws_msk_iam: no AWS region", "--dial")
	f(exitWrongConfig, iam+", region: eu-west-1", "sources.gw.sasl: aws_msk_iam: no AWS credentials")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hidden")
	f(0, iam+", region: eu-west-1", "logs in with aws_msk_iam in eu-west-1, credentials from the environment")
	f(exitFailed, iam+", region: eu-west-1", "source gw: cannot be reached: ", "--dial")
	plain := `brokers: ["` + broker + `"], topics: `
	f(0, plain+"[logs]", "source gw: reached", "--dial")
	f(exitFailed, plain+"[logs, nope]", "topic nope: the topic or partition does not exist", "--dial")
	f(exitFailed, plain+"[none-*]", "no topic matches", "--dial")
}

// TestCheckFiles: paths that match nothing now, and files that cannot be read, are warned of; the config is right all the same.
func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "access.log"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := func(paths string, want ...string) {
		t.Helper()
		path := filepath.Join(dir, "c.yaml")
		body := "sources: {edge: {type: file, paths: " + strings.ReplaceAll(paths, "DIR", dir) + "}}\nsinks: {g: {type: graphite, address: \"tcp://127.0.0.1:2003\"}}\n"
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		root := newRootCommand()
		var out, warnings bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&warnings)
		root.SetArgs([]string{"check", "-c", path})
		if err := root.Execute(); err != nil || !strings.Contains(out.String(), "c.yaml: ok") {
			t.Errorf("%s: %v\n%s", paths, err, out.String())
		}
		if n := strings.Count(warnings.String(), "\n"); n != len(want) {
			t.Errorf("%s: %d warnings, want %d:\n%s", paths, n, len(want), warnings.String())
		}
		for _, w := range want {
			if !strings.Contains(warnings.String(), w) {
				t.Errorf("%s: no warning has %q:\n%s", paths, w, warnings.String())
			}
		}
	}
	f("[DIR/access.log]")
	f("[DIR/access.log, DIR/none*.log]", "matches no file now")
	f("[DIR/*.log]", "folder.log is no regular file")
}

// TestCheckShow: what is shown is a config that is right, what else is said is elsewhere, and no secret is in either.
func TestCheckShow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	f := func(body string) string {
		t.Helper()
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		root := newRootCommand()
		var out, rest bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&rest)
		root.SetArgs([]string{"check", "-c", path, "--show", "--dial"})
		var e *exitError
		if err := root.Execute(); !errors.As(err, &e) || e.code != exitFailed || !strings.Contains(rest.String(), "sink e: cannot be reached") {
			t.Errorf("%v\n%s", err, rest.String())
		}
		if strings.Contains(out.String()+rest.String(), "hidden") {
			t.Errorf("the secret is said:\n%s%s", out.String(), rest.String())
		}
		return out.String()
	}
	t.Setenv("GATEMETER_METRICS_WINDOW", "30s")
	first := f("sources: {edge: {type: file, paths: [/nowhere/access.log]}}\nsinks: {e: {type: elasticsearch, urls: [\"http://127.0.0.1:1\"], api_key: hidden}}\n")
	if !strings.Contains(first, "\n    window: 30s\n") || !strings.Contains(first, "api_key: <secret>\n") {
		t.Errorf("shown:\n%s", first)
	}
	if second := f(first); second != first {
		t.Errorf("what is shown comes to\n%s\nand was\n%s", second, first)
	}
}
