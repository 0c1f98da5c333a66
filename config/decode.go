package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

// loader fills a Config and collects what is wrong.
type loader struct {
	file     string
	viper    *viper.Viper
	nodes    map[string]*yaml.Node // by key, for check
	errors   Problems
	decoded  int // how many of errors are of reading values, before check
	warnings Problems

	variables []string // of the environment that would be read, set or not
}

func (l *loader) fail(n *yaml.Node, path []string, text string) {
	p := Problem{File: l.file, Key: strings.Join(path, "."), Text: text}
	if n != nil {
		p.Line = n.Line
	}
	l.errors = append(l.errors, p)
}

// at reports a problem of the value under key, unless it could not be read and that has been said. What is not in the
// file gets the line of what it belongs to.
func (l *loader) at(key, format string, args ...any) {
	if slices.ContainsFunc(l.errors[:l.decoded], func(p Problem) bool { return p.Key == key }) {
		return
	}
	l.errors = append(l.errors, Problem{File: l.file, Line: l.line(key), Key: key, Text: fmt.Sprintf(format, args...)})
}

// line returns where key, or what it belongs to, stands in the file, 0 if nowhere.
func (l *loader) line(key string) int {
	for key != "" {
		if n := l.nodes[key]; n != nil {
			return n.Line
		}
		key = key[:max(strings.LastIndexByte(key, '.'), 0)]
	}
	return 0
}

// config fills c from the file's root node.
func (l *loader) config(c *Config, root *yaml.Node) {
	l.nodes = map[string]*yaml.Node{}
	l.structure(reflect.ValueOf(c).Elem(), root, nil, "")
}

// structure fills a struct from a mapping. kind, of a source or sink, says which of its keys there are.
func (l *loader) structure(v reflect.Value, n *yaml.Node, path []string, kind string) {
	if n != nil && n.Kind != yaml.MappingNode {
		if n.Tag != "!!null" {
			l.fail(n, path, fmt.Sprintf("is %s, and should be keys with values below it", describe(n)))
		}
		n = nil
	}
	known := map[string]bool{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := f.Tag.Get("key")
		if key == "" {
			continue
		}
		known[key] = true
		below := append(slices.Clone(path), key)
		child := child(n, key)
		if types := f.Tag.Get("for"); types != "" && kind != "" && !slices.Contains(strings.Split(types, ","), kind) {
			if child != nil {
				l.fail(child, below, fmt.Sprintf("%s takes no %s; it is for %s", kind, key, strings.ReplaceAll(types, ",", " and ")))
			}
			continue
		}
		if child != nil {
			l.nodes[strings.Join(below, ".")] = child
		}
		l.value(v.Field(i), child, below)
	}
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; !known[k.Value] {
			var names []string
			for name := range known {
				names = append(names, name)
			}
			l.fail(k, append(slices.Clone(path), k.Value), "unknown key"+suggestion(k.Value, names))
		}
	}
}

// child returns the value of key in a mapping, nil when it is not there.
func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// value fills one field.
func (l *loader) value(v reflect.Value, n *yaml.Node, path []string) {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch p := v.Addr().Interface().(type) {
	case *map[string]*Source:
		l.entries(n, path, sourceTypes, func(name, kind string, node *yaml.Node, below []string) {
			s := defaultSource(name)
			(*p)[name] = s
			l.structure(reflect.ValueOf(s).Elem(), node, below, kind)
		})
	case *map[string]*Sink:
		l.entries(n, path, sinkTypes, func(name, kind string, node *yaml.Node, below []string) {
			s := defaultSink(name, kind)
			(*p)[name] = s
			l.structure(reflect.ValueOf(s).Elem(), node, below, kind)
		})
	case *[]Filter:
		l.filters(p, n, path)
	case *map[string]string:
		l.texts(p, n, path)
	case *map[string][]string:
		l.lists(p, n, path)
	case *[]string:
		if items, ok := l.list(n, path); ok {
			*p = items
		}
	case *[]float64:
		items, ok := l.list(n, path)
		if !ok {
			return
		}
		*p = nil
		for _, item := range items {
			f, err := strconv.ParseFloat(item, 64)
			if err != nil {
				l.fail(n, path, quote(item)+" is not a number")
				continue
			}
			*p = append(*p, f)
		}
	default:
		if v.Kind() == reflect.Struct {
			l.structure(v, n, path, "")
			return
		}
		l.scalar(v, n, path)
	}
}

// entries goes through the named sources or sinks.
func (l *loader) entries(n *yaml.Node, path, types []string, f func(name, kind string, n *yaml.Node, path []string)) {
	if n == nil || n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		l.fail(n, path, fmt.Sprintf("is %s, and should be names with their settings below", describe(n)))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, node := n.Content[i].Value, n.Content[i+1]
		below := append(slices.Clone(path), name)
		l.nodes[strings.Join(below, ".")] = n.Content[i]
		if !validName(name) {
			l.fail(n.Content[i], below, "a name has 1 to 64 letters, digits, - and _")
			continue
		}
		kind := ""
		if t := child(node, "type"); t != nil {
			kind = t.Value
		}
		switch {
		case kind == "":
			l.fail(n.Content[i], below, "type is missing: "+strings.Join(types, ", ")+" are known")
		case slices.Contains(types, kind):
			f(name, kind, node, below)
		case slices.Contains(laterTypes, kind):
			l.fail(child(node, "type"), append(below, "type"), fmt.Sprintf("%s is not built yet in this version; there are %s", kind, strings.Join(types, ", ")))
		default:
			l.fail(child(node, "type"), append(below, "type"), quote(kind)+" is unknown"+suggestion(kind, types))
		}
	}
}

func validName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// scalar fills a plain value: the environment's if it has one, else the file's.
func (l *loader) scalar(v reflect.Value, n *yaml.Node, path []string) {
	text, given := "", false
	if got := l.viper.Get(strings.ToLower(strings.Join(path, delimiter))); got != nil {
		switch got.(type) {
		case map[string]any, []any:
			l.fail(n, path, fmt.Sprintf("is %s, and should be a single value", describe(n)))
			return
		}
		text, given = fmt.Sprint(got), true
	}
	inEnvironment := l.inEnvironment(path)
	fromFile := n != nil && n.Kind == yaml.ScalarNode && !inEnvironment
	if fromFile {
		text, given = n.Value, n.Tag != "!!null" // as written: viper has made 1e3 of 1000.0
	}
	if !given {
		return
	}
	text, err := expand(text)
	if err == nil {
		err = set(v, text)
	}
	if err != nil {
		if !fromFile {
			err = fmt.Errorf("from the environment: %w", err)
			n = nil
		}
		if v.Type() == reflect.TypeFor[Secret]() {
			err = fmt.Errorf("the secret cannot be read: %w", err)
		}
		l.fail(n, path, err.Error())
	}
}

// inEnvironment reports whether the environment has a value for the key. An empty one is none, as for viper.
func (l *loader) inEnvironment(path []string) bool {
	name := envPrefix + "_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(strings.Join(path, "_")))
	l.variables = append(l.variables, name)
	return os.Getenv(name) != ""
}

// set stores text as v's type.
func set(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *Secret:
		*p = Secret(text)
	case *time.Duration:
		d, err := parseDuration(text)
		*p = d
		return err
	case *Size:
		s, err := parseSize(text)
		*p = s
		return err
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%s is neither true nor false", quote(text))
		}
		*p = b
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%s is not a whole number", quote(text))
		}
		*p = n
	default:
		panic("BUG: a config field of type " + v.Type().String())
	}
	return nil
}

// list returns a sequence of plain values; one value alone is a list of one. From the environment it is separated by commas.
func (l *loader) list(n *yaml.Node, path []string) ([]string, bool) {
	if l.inEnvironment(path) {
		text := l.viper.GetString(strings.ToLower(strings.Join(path, delimiter)))
		items := []string{}
		for _, item := range strings.Split(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		return items, true
	}
	if n == nil || n.Tag == "!!null" {
		return nil, false
	}
	nodes := n.Content
	switch n.Kind {
	case yaml.ScalarNode:
		nodes = []*yaml.Node{n}
	case yaml.MappingNode:
		l.fail(n, path, fmt.Sprintf("is %s, and should be a list", describe(n)))
		return nil, false
	}
	items := []string{}
	for _, item := range nodes {
		if item.Kind != yaml.ScalarNode {
			l.fail(item, path, fmt.Sprintf("has %s in it, and should be a list of plain values", describe(item)))
			continue
		}
		text, err := expand(item.Value)
		if err != nil {
			l.fail(item, path, err.Error())
			continue
		}
		items = append(items, text)
	}
	return items, true
}

func (l *loader) texts(p *map[string]string, n *yaml.Node, path []string) {
	if n == nil || n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		l.fail(n, path, fmt.Sprintf("is %s, and should be names with values", describe(n)))
		return
	}
	*p = map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		below := append(slices.Clone(path), n.Content[i].Value)
		l.nodes[strings.Join(below, ".")] = n.Content[i+1]
		if n.Content[i+1].Kind != yaml.ScalarNode {
			l.fail(n.Content[i+1], below, fmt.Sprintf("is %s, and should be a plain value", describe(n.Content[i+1])))
			continue
		}
		(*p)[n.Content[i].Value] = n.Content[i+1].Value
	}
}

func (l *loader) lists(p *map[string][]string, n *yaml.Node, path []string) {
	if n == nil || n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		l.fail(n, path, fmt.Sprintf("is %s, and should be names with lists", describe(n)))
		return
	}
	*p = map[string][]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		below := append(slices.Clone(path), n.Content[i].Value)
		l.nodes[strings.Join(below, ".")] = n.Content[i]
		if items, ok := l.list(n.Content[i+1], below); ok {
			(*p)[n.Content[i].Value] = items
		}
	}
}

// describe says what a node is, for messages.
func describe(n *yaml.Node) string {
	if n == nil {
		return "something else"
	}
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return quote(n.Value)
}

// suggestion returns `; did you mean "x"?` with the name nearest to what was written, or nothing if none is near.
func suggestion(written string, names []string) string {
	slices.Sort(names)
	if best := nearest(strings.ToLower(written), names); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; known are " + strings.Join(names, ", ")
}

// nearest returns the name that is most like what was written, "" if none is.
func nearest(written string, names []string) string {
	best, distance := "", len(written)/2+1
	for _, name := range names {
		if d := editDistance(written, name); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
