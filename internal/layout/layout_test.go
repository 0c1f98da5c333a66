// Package layout has no code but a test: the folders of this module keep their places. What each may import is said in the
// tables below; a change of them is a change of the design.
package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gatemeter/gatemeter"

// forbidden says which of our folders the code below a folder must not import, tests included.
var forbidden = []struct {
	folder string
	not    []string
	reason string
}{
	{"pipeline", []string{"sources", "parsers", "sinks", "config", "cmd", "bench", "internal"}, "the engine knows only its own interfaces"},
	{"parsers", []string{"sources", "sinks", "config", "cmd", "bench", "internal"}, "a parser turns bytes into records"},
	{"sources", []string{"parsers", "sinks", "config", "cmd", "bench"}, "a source yields batches, whatever becomes of them"},
	{"sinks", []string{"sources", "parsers", "config", "cmd", "bench"}, "a sink takes panes and records, wherever they come from"},
	{"config", []string{"cmd", "bench"}, "the config is wired by cmd"},
	{"bench", []string{"cmd"}, "benchmarks drive the built binary"},
	{"internal", []string{"cmd"}, "cmd imports, and is not imported"},
}

// leaves are the packages whose types cross rooms: everybody may import them, so they import nothing of ours.
var leaves = []string{"pipeline/batch", "pipeline/cursor", "pipeline/point", "pipeline/record"}

// thirdParty says which folder, with what is below it, may import a library, and why we have it: one folder, unless the
// reason gives two uses. The folder _test stands for tests anywhere.
var thirdParty = map[string]struct {
	folders []string
	reason  string
}{
	"github.com/aws/aws-sdk-go-v2":               {[]string{"sources/kafka"}, "AWS credentials, for Amazon MSK"},
	"github.com/aws/smithy-go":                   {[]string{"sources/kafka"}, "the type of a log, to keep the SDK's own off standard error"},
	"github.com/axiomhq/hyperloglog":             {[]string{"pipeline/distinct"}, "distinct clients and consumers"},
	"github.com/cespare/xxhash/v2":               {[]string{"pipeline/distinct"}, "the hash behind the distinct counts, fixed for good"},
	"github.com/elastic/go-elasticsearch/v8":     {[]string{"_test"}, "the requests that ours are compared with"},
	"github.com/elastic/go-grok":                 {[]string{"parsers/grok"}, "the patterns that grok users know"},
	"github.com/elastic/elastic-transport-go/v8": {[]string{"sinks/elasticsearch"}, "the official client's transport"},
	"github.com/fsnotify/fsnotify":               {[]string{"sources/file"}, "inotify"},
	"github.com/gobwas/glob":                     {[]string{"pipeline/filter"}, "globs in filters"},
	"github.com/google/go-cmp":                   {[]string{"_test"}, "differences that can be read"},
	"github.com/klauspost/compress":              {[]string{"sources/file", "sources/envelope", "sources/kafka", "sources/push", "sinks/elasticsearch", "internal/e2e"}, "zstd of rotated logs and of what is pushed; gzip of payloads and of bulk bodies; Kafka's batches"},
	"github.com/prometheus/client_golang":        {[]string{"internal/admin"}, "our own /metrics"},
	"github.com/segmentio/kafka-go":              {[]string{"sources/kafka", "internal/e2e"}, "Kafka's protocol; and, by itself, what reading is measured beside"},
	"github.com/spf13/cobra":                     {[]string{"cmd/gatemeter"}, "the command line"},
	"github.com/spf13/pflag":                     {[]string{"cmd/gatemeter"}, "the command line"},
	"github.com/spf13/viper":                     {[]string{"config"}, "YAML and environment"},
	"github.com/twmb/franz-go":                   {[]string{"_test"}, "a Kafka cluster in the test's process, and a producer with transactions"},
	"github.com/valyala/fastjson":                {[]string{"sinks/elasticsearch", "internal/strict"}, "the answer of a bulk request; and, in the stand-in, its documents"},
	"go.yaml.in/yaml/v3":                         {[]string{"config"}, "the line each key stands in"},
	"golang.org/x/sys":                           {[]string{"sources/file", "sources/syslog", "sinks/oneway", "pipeline/bitmap", "bench"}, "inodes; many datagrams a call; what of a socket is acknowledged; what the processor can do; whether a pipe has been read"},
	"golang.org/x/term":                          {[]string{"cmd/gatemeter"}, "whether stdout is a terminal"},
}

// outside is what the core must not touch: what it needs of the world comes in as an argument. Tests may.
var outside = struct {
	folders []string
	imports []string
	calls   []string
}{
	folders: []string{"pipeline", "parsers"},
	imports: []string{"os", "os/exec", "os/signal", "net", "net/http", "math/rand", "math/rand/v2", "crypto/rand", "syscall"},
	calls:   []string{"time.Now", "time.Since", "time.Until"},
}

// vague are names that say nothing of what a package is for.
var vague = []string{"util", "utils", "common", "helper", "helpers", "manager", "misc", "shared", "base", "types"}

// file is a Go file of the module; folder is relative to its root, with slashes.
type file struct {
	name, folder string
	test         bool
	tree         *ast.File
}

func (f *file) imports() []string {
	var paths []string
	for _, spec := range f.tree.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic("BUG: an import that is no string: " + spec.Path.Value)
		}
		paths = append(paths, p)
	}
	return paths
}

// below reports whether folder is top or lies below it.
func below(folder, top string) bool { return folder == top || strings.HasPrefix(folder, top+"/") }

// goFiles parses every Go file of the module.
func goFiles(t *testing.T) []*file {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	var files []*file
	set := token.NewFileSet()
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		tree, err := parser.ParseFile(set, p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		files = append(files, &file{name: name, folder: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), tree: tree})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("found only %d Go files below %s", len(files), root)
	}
	return files
}

func TestDirectionOfImports(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, imported := range f.imports() {
			ours, ok := strings.CutPrefix(imported, module+"/")
			if !ok {
				continue
			}
			for _, rule := range forbidden {
				if !below(f.folder, rule.folder) {
					continue
				}
				// Tests anywhere may run real servers and strict readers.
				if f.test && (below(ours, "internal/servers") || below(ours, "internal/strict")) {
					continue
				}
				if ours == "internal/fault" { // of which nothing is left in a release
					continue
				}
				// And parse what the generator writes.
				if f.test && f.folder == "parsers" && ours == "bench/loggen" {
					continue
				}
				// And hold the engine to parsers that read lines before they are masked, and measure it on generated ones.
				if f.test && f.folder == "pipeline" && (below(ours, "parsers") || ours == "bench/loggen") {
					continue
				}
				if slices.ContainsFunc(rule.not, func(top string) bool { return below(ours, top) }) {
					t.Errorf("%s imports %s: %s", f.name, ours, rule.reason)
				}
			}
			if !f.test && (below(ours, "internal/servers") || below(ours, "internal/strict")) && !below(f.folder, "internal") {
				if f.name == "cmd/gatemeter/demo.go" { // the demo sends to the strict stand-ins
					continue
				}
				t.Errorf("%s imports %s, which is for tests", f.name, ours)
			}
			if slices.Contains(leaves, f.folder) && !f.test {
				t.Errorf("%s imports %s: a leaf imports nothing of this module", f.name, ours)
			}
		}
	}
}

func TestThirdPartyLibraries(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, imported := range f.imports() {
			first, _, _ := strings.Cut(imported, "/")
			if !strings.Contains(first, ".") || below(imported, module) {
				continue // the standard library, or ours
			}
			allowed := false
			known := false
			for library, rule := range thirdParty {
				if !below(imported, library) {
					continue
				}
				known = true
				for _, folder := range rule.folders {
					allowed = allowed || folder == "_test" && f.test || below(f.folder, folder)
				}
			}
			switch {
			case !known:
				t.Errorf("%s imports %s, which is not in this test's table of libraries", f.name, imported)
			case !allowed:
				t.Errorf("%s imports %s: another folder owns that library", f.name, imported)
			}
		}
	}
}

func TestCoreDoesNotTouchTheWorld(t *testing.T) {
	for _, f := range goFiles(t) {
		core := slices.ContainsFunc(outside.folders, func(top string) bool { return below(f.folder, top) })
		if !core || f.test {
			continue
		}
		for _, imported := range f.imports() {
			if slices.Contains(outside.imports, imported) {
				t.Errorf("%s imports %q: what the core needs of the world comes in as an argument", f.name, imported)
			}
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && slices.Contains(outside.calls, x.Name+"."+s.Sel.Name) {
					t.Errorf("%s uses %s.%s: the clock comes in as an argument", f.name, x.Name, s.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestNoHiddenSetUp(t *testing.T) {
	for _, f := range goFiles(t) {
		if slices.Contains(vague, path.Base(f.folder)) {
			t.Errorf("%s: the folder's name does not say what it is for", f.name)
		}
		for _, d := range f.tree.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function: what runs is called from main", f.name)
			}
		}
	}
}

// TestTestsNeitherSleepNorSkip holds every test to it: a sleep is too short on a busy machine and too long on an idle one,
// and a skipped test is one that nobody misses. Under testing/synctest a sleep takes no time.
func TestTestsNeitherSleepNorSkip(t *testing.T) {
	for _, f := range goFiles(t) {
		if !f.test {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := s.X.(*ast.Ident)
			if !ok {
				return true
			}
			sleeps := x.Name == "time" && s.Sel.Name == "Sleep" && !slices.Contains(f.imports(), "testing/synctest")
			skips := (x.Name == "t" || x.Name == "b") && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, s.Sel.Name)
			if sleeps || skips {
				t.Errorf("%s uses %s.%s", f.name, x.Name, s.Sel.Name)
			}
			return true
		})
	}
}
