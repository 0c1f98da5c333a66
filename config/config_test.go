package config

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write what is expected anew")

// wanted begins the lines, at the end of a bad file, that say what is reported of it.
const wanted = "# want: "

// TestBadConfigs: each testdata/*.bad.yaml is refused with exactly the messages that stand at its end.
func TestBadConfigs(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		body, _, _ := strings.Cut(string(data), wanted)
		var problems Problems
		if _, _, err := parse("c.yaml", []byte(body)); err == nil {
			t.Errorf("%s is accepted", file)
			continue
		} else if !errors.As(err, &problems) {
			t.Errorf("%s: %v is not Problems", file, err)
		}
		got := wanted + strings.ReplaceAll(problems.Error(), "\n", "\n"+wanted) + "\n"
		if *update {
			if err := os.WriteFile(file, []byte(body+got), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if want := string(data[len(body):]); got != want {
			t.Errorf("%s:\n%swant\n%s", file, got, want)
		}
		if strings.Contains(got, "topsecret") {
			t.Errorf("%s: a message has a secret in it", file)
		}
	}
}

func TestFiveMistakesAreAllNamed(t *testing.T) {
	_, _, err := Load("testdata/five_mistakes.bad.yaml")
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	lines := map[int]bool{}
	for _, p := range problems {
		lines[p.Line] = true
	}
	for _, line := range []int{5, 7, 8, 10, 11} {
		if !lines[line] {
			t.Errorf("nothing is said of line %d:\n%v", line, err)
		}
	}
}

func TestGoodConfigs(t *testing.T) {
	files, err := filepath.Glob("testdata/*.good.yaml")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	examples, _ := filepath.Glob("../docs/examples/*.yaml")
	for _, file := range append(files, examples...) {
		c, _, err := Load(file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for _, printed := range printings(c) {
			if strings.Contains(printed, "topsecret") {
				t.Errorf("%s: a secret is printed: %s", file, printed)
			}
		}
	}
}

// printings is c in every way it could be printed.
func printings(c *Config) []string {
	js, _ := json.Marshal(c)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "c", c)
	out := []string{string(js), log.String()}
	for _, s := range c.Sources {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			out = append(out, fmt.Sprintf(verb, *s))
		}
	}
	for _, s := range c.Sinks {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			out = append(out, fmt.Sprintf(verb, *s), fmt.Sprintf(verb, c.Redact))
		}
	}
	return out
}

func TestValues(t *testing.T) {
	c, _, err := Load("testdata/format_string.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Sources["edge"]
	if s.Fields["tenant_Service"] != "service.name" || len(s.Paths) != 1 || !strings.Contains(s.Format, "$tenant_Service") {
		t.Errorf("source: %+v", s)
	}
	if c, _, err = Load("testdata/durations.good.yaml"); err != nil {
		t.Fatal(err)
	}
	if c.Metrics.Amend != 90*time.Minute || c.Sinks["e"].Retention != 90*24*time.Hour || c.Sinks["e"].RequestBytes != 1<<20 {
		t.Errorf("metrics %+v, sink %+v", c.Metrics, c.Sinks["e"])
	}
	if c, _, err = Load("testdata/rollup_names_keep_case.good.yaml"); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c.Metrics.Rollups, map[string][]string{"byConsumer": {"consumer"}}) {
		t.Errorf("rollups: %v", c.Metrics.Rollups)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("GATEMETER_SINKS_GRAPHITE_ADDRESS", "udp://127.0.0.1:1")
	t.Setenv("GATEMETER_METRICS_WINDOW", "30s")
	t.Setenv("GATEMETER_METRICS_PERCENTILES", "50, 99")
	t.Setenv("GATEMETER_SOURCES_EDGE_PATHS", "/a,/b")
	t.Setenv("GATEMETER_SINKS_ELASTICSEARCH_API_KEY", "${KEY}")
	t.Setenv("KEY", "topsecret")
	c, _, err := Load("testdata/design.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if c.Sinks["graphite"].Address != "udp://127.0.0.1:1" || c.Metrics.Window != 30*time.Second || len(c.Metrics.Percentiles) != 2 ||
		!reflect.DeepEqual(c.Sources["edge"].Paths, []string{"/a", "/b"}) || c.Sinks["elasticsearch"].APIKey.Reveal() != "topsecret" {
		t.Errorf("the environment does not win: %+v %+v", c.Metrics, c.Sinks["graphite"])
	}
	t.Setenv("GATEMETER_METRICS_WINDOW", "ten")
	if _, _, err = Load("testdata/design.good.yaml"); err == nil || !strings.Contains(err.Error(), "metrics.window: from the environment: \"ten\" is not a duration") {
		t.Errorf("wrong value from the environment: %v", err)
	}
}

// TestEmptyVariables: an empty variable, as container tools make them of unset ones, is as if there were none.
func TestEmptyVariables(t *testing.T) {
	t.Setenv("GATEMETER_SINKS_GRAPHITE_ADDRESS", "")
	t.Setenv("GATEMETER_METRICS_PERCENTILES", "")
	t.Setenv("GATEMETER_SOURCES_EDGE_PATHS", "")
	t.Setenv("GATEMETER_LISTEN", "")
	c, warnings, err := Load("testdata/design.good.yaml")
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if c.Sinks["graphite"].Address == "" || len(c.Metrics.Percentiles) == 0 || len(c.Sources["edge"].Paths) == 0 || c.Listen == "" {
		t.Errorf("an empty variable takes the file's value away: %+v %+v", c, c.Metrics)
	}
}

// TestWarnings: what is probably not meant is warned of, and nothing else.
func TestWarnings(t *testing.T) {
	f := func(body string, want ...string) {
		t.Helper()
		_, warnings, err := parse("c.yaml", []byte(body+"\nsinks: {g: {type: graphite, address: \"tcp://127.0.0.1:2003\"}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range warnings {
			got = append(got, w.Error())
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%q\nwant\n%q", body, got, want)
		}
	}
	const one = "sources: {edge: {type: file, paths: [/var/log/a.log]}}"
	f(one)
	f("sources: {a: {type: file, paths: [/var/log/a.log]}, b: {type: file, paths: [/var/log/b.log]}}")
	f("sources: {a: {type: file, paths: [/var/log/a.log]}, b: {type: file, paths: [/x.log, /var//log/*.log]}}",
		`c.yaml:1: sources.b.paths: "/var/log/*.log" may match what sources.a reads: a line counts in each source that reads it`)
	for name, value := range map[string]string{
		"GATEMETER_SINKS_G_ADRESS": "tcp://127.0.0.1:1", "GATEMETER_EMPTY": "", "GATEMETER_SINKS_G_PREFIX": "x",
		"GATEMETER_SERVICE_HOST": "10.0.0.1", "GATEMETER_PORT_9180_TCP": "tcp://10.0.0.1:9180", // Kubernetes' own
	} {
		t.Setenv(name, value)
	}
	f(one, "c.yaml: the environment's GATEMETER_SINKS_G_ADRESS is no key of this config; did you mean GATEMETER_SINKS_G_ADDRESS?")
}

// TestYAML: what is in effect is a config that comes to the same, and holds no secret.
func TestYAML(t *testing.T) {
	files, err := filepath.Glob("testdata/*.good.yaml")
	examples, _ := filepath.Glob("../docs/examples/*.yaml")
	if err != nil || len(files) < 12 || len(examples) < 3 {
		t.Fatalf("%d files, %d examples, %v", len(files), len(examples), err)
	}
	for _, file := range append(files, examples...) {
		c, _, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := c.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "topsecret") {
			t.Errorf("%s: a secret is shown:\n%s", file, text)
		}
		back, _, err := parse("c.yaml", text)
		if err != nil {
			t.Errorf("%s: what is in effect is refused: %v\n%s", file, err, text)
			continue
		}
		again, err := back.YAML()
		if err != nil || string(again) != string(text) {
			t.Errorf("%s: %v\n%s\nis read as\n%s", file, err, text, again)
		}
		if c.Fingerprint() != back.Fingerprint() {
			t.Errorf("%s: other windows come of what is in effect:\n%s", file, text)
		}
	}
	c, _, err := parse("c.yaml", []byte("sources: {edge: {type: file, paths: [/a], timezone: UTC}}\nsinks: {e: {type: elasticsearch, urls: \"http://127.0.0.1:9200\", api_key: topsecret}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := c.YAML()
	for _, want := range []string{"\nlisten: 127.0.0.1:9180\n", "    amend: 1m\n", "        format: auto\n", "        paths: [/a]\n", "        api_key: <secret>\n", "        retention: 30d\n", "        request_bytes: 4MiB\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if c, _, err = parse("c.yaml", []byte("sources: {a: {type: stdin}}\nsinks: {g: {type: graphite, address: \"tcp://127.0.0.1:2003\", render_url: \"http://me:topsecret@127.0.0.1:8080\"}}\n")); err != nil {
		t.Fatal(err)
	}
	if text, _ := c.YAML(); strings.Contains(string(text), "topsecret") || !strings.Contains(string(text), "render_url: http://me:") {
		t.Errorf("a password in a URL:\n%s", text)
	}
	for _, not := range []string{"brokers", "dialect", "escape"} {
		if strings.Contains(string(text), not) {
			t.Errorf("%s in\n%s", not, text)
		}
	}
}

func TestFingerprint(t *testing.T) {
	a, b := DefaultConfig(), DefaultConfig()
	if a.Fingerprint() != b.Fingerprint() {
		t.Error("two equal configurations have different fingerprints")
	}
	b.Listen, b.Metrics.Percentiles = "", []float64{1}
	if a.Fingerprint() != b.Fingerprint() {
		t.Error("the fingerprint changes with what shapes no window")
	}
	b.Metrics.Window = time.Minute
	if a.Fingerprint() == b.Fingerprint() {
		t.Error("the fingerprint does not change with the window")
	}
}

func TestSize(t *testing.T) {
	f := func(s string, want Size, back string) {
		t.Helper()
		got, err := parseSize(s)
		if err != nil || got != want || got.String() != back {
			t.Errorf("%q is %d %v, %v", s, got, got, err)
		}
	}
	f("64MiB", 64<<20, "64MiB")
	f("1.5 GiB", 3<<29, "1536MiB")
	f("10kB", 10000, "10000B")
	f("512", 512, "512B")
}

// TestReference: docs/config.md names every key, and no other.
func TestReference(t *testing.T) {
	doc, err := os.ReadFile("../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.A-Z]+)` \\|").FindAllSubmatch(doc, -1) {
		named[string(m[1])] = true
	}
	keys := map[string]bool{}
	collect(reflect.TypeFor[Config](), "", keys)
	for k := range keys {
		if !named[k] {
			t.Errorf("docs/config.md does not name %s", k)
		}
	}
	for k := range named {
		if !keys[k] {
			t.Errorf("docs/config.md names %s, which there is not", k)
		}
	}
}

func collect(t reflect.Type, prefix string, keys map[string]bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("key")
		switch {
		case key == "":
		case f.Type.Kind() == reflect.Map && f.Type.Elem().Kind() == reflect.Pointer:
			collect(f.Type.Elem().Elem(), prefix+key+".NAME.", keys)
		case f.Type.Kind() == reflect.Struct:
			collect(f.Type, prefix+key+".", keys)
		default:
			keys[prefix+key] = true
		}
	}
}
