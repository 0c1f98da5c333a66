package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

// Problem is one mistake in a configuration, or, as a warning, something that is probably not meant.
type Problem struct {
	File string
	Line int    // 0 when it has none: a missing key, a value from the environment
	Key  string // sources.edge.paths
	Text string
}

// Error writes the problem as FILE:LINE: KEY: TEXT.
func (p Problem) Error() string {
	s := p.File + ": "
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d: ", p.File, p.Line)
	}
	if p.Key != "" {
		s += p.Key + ": "
	}
	return s + p.Text
}

// Problems is every mistake in a configuration, in the order of the file.
type Problems []Problem

// Error writes a line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Error()
	}
	return strings.Join(lines, "\n")
}

// envPrefix begins the names of variables that override keys: GATEMETER_SINKS_GRAPHITE_ADDRESS.
const envPrefix = "GATEMETER"

// delimiter separates keys where viper joins them; keys of conditions have dots.
const delimiter = "::"

// Load reads the file at path and the environment. The error is Problems when the configuration is wrong, another when the
// file cannot be read. Warnings are returned with or without one.
func Load(path string) (*Config, Problems, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read config: %w", err)
	}
	return parse(path, data)
}

func parse(path string, data []byte) (*Config, Problems, error) {
	l := &loader{file: path, viper: viper.NewWithOptions(viper.KeyDelimiter(delimiter))}
	root, problem := l.document(data)
	if problem != nil {
		return nil, nil, Problems{*problem}
	}
	l.duplicates(root, nil)
	if len(l.errors) > 0 {
		return nil, nil, l.errors
	}
	l.viper.SetConfigType("yaml")
	if err := l.viper.ReadConfig(bytes.NewReader(data)); err != nil {
		return nil, nil, Problems{l.syntax(err)}
	}
	l.viper.SetEnvPrefix(envPrefix)
	l.viper.SetEnvKeyReplacer(strings.NewReplacer(delimiter, "_", "-", "_", ".", "_"))
	l.viper.AutomaticEnv()

	c := DefaultConfig()
	l.config(c, plain(root)) // viper has refused aliases without end
	if c.Shard == "" {
		c.Shard = hostname()
	}
	l.check(c)
	l.unusedVariables()
	slices.SortStableFunc(l.errors, func(a, b Problem) int { return a.Line - b.Line })
	if len(l.errors) > 0 {
		return nil, l.warnings, l.errors
	}
	return c, l.warnings, nil
}

// document returns the file's one document, or what keeps it from being one.
func (l *loader) document(data []byte) (*yaml.Node, *Problem) {
	var first, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&first); err != nil && !errors.Is(err, io.EOF) {
		p := l.syntax(err)
		return nil, &p
	}
	if len(first.Content) == 0 || first.Content[0].Tag == "!!null" {
		return nil, &Problem{File: l.file, Text: "the file is empty: sources and sinks are needed"}
	}
	root := first.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, &Problem{File: l.file, Line: root.Line, Text: fmt.Sprintf("is %s, and should be YAML: keys like sources: and sinks: with values below them", describe(root))}
	}
	switch err := d.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		p := l.syntax(err)
		return nil, &p
	case len(second.Content) > 0 && second.Content[0].Tag != "!!null":
		return nil, &Problem{File: l.file, Line: second.Content[0].Line, Text: "a second document begins here, after ---: a config is one"}
	}
	return root, nil
}

// plain returns n with what aliases and merge keys (<<) stand for in their place.
func plain(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return plain(n.Alias)
	}
	if n.Kind == yaml.ScalarNode {
		return n
	}
	c := *n
	c.Content = nil
	var merged []*yaml.Node
	for i, item := range n.Content {
		isValue := n.Kind == yaml.MappingNode && i%2 == 1
		switch {
		case n.Kind == yaml.MappingNode && !isValue && item.Tag == "!!merge":
		case isValue && n.Content[i-1].Tag == "!!merge":
			if from := plain(item); from.Kind == yaml.SequenceNode {
				merged = append(merged, from.Content...)
			} else {
				merged = append(merged, from)
			}
		default:
			c.Content = append(c.Content, plain(item))
		}
	}
	for _, from := range merged { // the mapping's own keys win, then the first
		for i := 0; i+1 < len(from.Content); i += 2 {
			if child(&c, from.Content[i].Value) == nil {
				c.Content = append(c.Content, from.Content[i], from.Content[i+1])
			}
		}
	}
	return &c
}

// unusedVariables warns of variables with our prefix that are no key: a misspelt one would be passed over without a word.
// Kubernetes makes some of them for a service that is called gatemeter.
func (l *loader) unusedVariables() {
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, envPrefix+"_") || value == "" || slices.Contains(l.variables, name) ||
			strings.HasPrefix(name, envPrefix+"_PORT") || strings.HasPrefix(name, envPrefix+"_SERVICE_") {
			continue
		}
		text := "the environment's " + name + " is no key of this config"
		if near := nearest(name, l.variables); near != "" {
			text += "; did you mean " + near + "?"
		}
		l.warnings = append(l.warnings, Problem{File: l.file, Text: text})
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}

// syntax makes a Problem of a YAML error, which carries its line in its text.
func (l *loader) syntax(err error) Problem {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "While parsing config: "), "yaml: ")
	p := Problem{File: l.file, Text: text}
	var line int
	if n, _ := fmt.Sscanf(text, "line %d:", &line); n == 1 {
		_, after, _ := strings.Cut(text, ": ")
		p.Line, p.Text = line, after
	}
	if strings.Contains(p.Text, "cannot start any token") {
		p.Text = "a tab, or another character that cannot begin a value: YAML is indented with spaces"
	}
	return p
}

// duplicates reports keys that stand twice in one mapping, of which one would silently win, and aliases that nest too deep.
func (l *loader) duplicates(n *yaml.Node, path []string) {
	if len(path) > 20 {
		l.fail(n, path[:3], "nested deeper than any configuration is")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		k := n.Content[i]
		below := append(slices.Clone(path), k.Value)
		if line, twice := seen[strings.ToLower(k.Value)]; twice {
			l.fail(k, below, fmt.Sprintf("is given twice, first in line %d", line))
		}
		seen[strings.ToLower(k.Value)] = k.Line
		l.duplicates(n.Content[i+1], below)
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			l.duplicates(item, append(slices.Clone(path), "-"))
		}
	}
}

// Default returns the configuration of `gatemeter run FILE…` without a config: the files as one source, no sinks.
func Default(files []string, dataDir string) *Config {
	c := DefaultConfig()
	c.DataDir, c.Listen, c.Shard = dataDir, "", hostname()
	s := defaultSource("files")
	s.Type, s.Paths = "file", files
	if slices.Equal(files, []string{"-"}) {
		s = defaultSource("stdin")
		s.Type = "stdin"
	}
	c.Sources[s.Name] = s
	return c
}

// expand replaces ${VAR}, ${VAR:-default} and ${file:PATH} in s.
func expand(s string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", errors.New("${ without its }")
		}
		s = after
		if path, ok := strings.CutPrefix(name, "file:"); ok {
			data, err := os.ReadFile(path)
			if err != nil {
				return "", fmt.Errorf("${file:…}: %w", err)
			}
			b.WriteString(strings.TrimRight(string(data), "\r\n"))
			continue
		}
		name, fallback, hasFallback := strings.Cut(name, ":-")
		value, set := os.LookupEnv(name)
		switch {
		case set && value != "" || set && !hasFallback:
			b.WriteString(value)
		case hasFallback:
			b.WriteString(fallback)
		default:
			return "", fmt.Errorf("the environment has no variable %s; ${%s:-default} gives one to fall back on", name, name)
		}
	}
}
