package config

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// YAML returns what the file, the environment and the defaults came to, as a file would say it that has every key. Secrets are
// <secret>.
func (c *Config) YAML() ([]byte, error) {
	data, err := yaml.Marshal(shownStruct(reflect.ValueOf(c).Elem(), reflect.ValueOf(DefaultConfig()).Elem(), ""))
	if err != nil {
		return nil, fmt.Errorf("write config: %w", err)
	}
	return data, nil
}

// shownStruct returns a struct as YAML. d is what it is by default; what is empty by default and is empty is left out. kind, of
// a source or sink, says which of its keys there are.
func shownStruct(v, d reflect.Value, kind string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := f.Tag.Get("key")
		types := f.Tag.Get("for")
		if key == "" || types != "" && !slices.Contains(strings.Split(types, ","), kind) {
			continue
		}
		switch f.Type.Kind() {
		case reflect.String, reflect.Map, reflect.Slice, reflect.Struct:
			if v.Field(i).IsZero() && d.Field(i).IsZero() {
				continue
			}
		}
		if s, ok := v.Addr().Interface().(*Sink); ok && s.leftToOthers(key) {
			continue
		}
		n.Content = append(n.Content, shownScalar(key), shown(v.Field(i), d.Field(i)))
	}
	return n
}

// leftToOthers reports whether a key of new indices is of no use, as somebody else sees to them.
func (s *Sink) leftToOthers(key string) bool {
	switch key {
	case "retention":
		return s.Lifecycle != ""
	case "lifecycle", "shards", "replicas":
		return !s.Setup
	}
	return false
}

func shown(v, d reflect.Value) *yaml.Node {
	switch x := v.Interface().(type) {
	case *Source:
		return shownStruct(v.Elem(), reflect.ValueOf(defaultSource(x.Name)).Elem(), x.Type)
	case *Sink:
		return shownStruct(v.Elem(), reflect.ValueOf(defaultSink(x.Name, x.Type)).Elem(), x.Type)
	case Filter:
		return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			shownScalar("when"), x.when, shownScalar("drop"), shown(reflect.ValueOf(x.Drop), reflect.Value{}),
		}}
	case string:
		if u, err := url.Parse(x); err == nil && u.User != nil {
			x = u.Redacted() // of render_url, say
		}
		return shownScalar(x)
	case Secret, Size:
		return shownScalar(fmt.Sprint(x))
	case time.Duration:
		return shownScalar(shownDuration(x))
	}
	switch v.Kind() {
	case reflect.Struct:
		return shownStruct(v, d, "")
	case reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode}
		names := v.MapKeys()
		slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, name := range names {
			n.Content = append(n.Content, shownScalar(name.String()), shown(v.MapIndex(name), reflect.Value{}))
		}
		return n
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			n.Content = append(n.Content, shown(v.Index(i), reflect.Value{}))
		}
		if v.Len() == 0 || n.Content[0].Kind == yaml.ScalarNode {
			n.Style = yaml.FlowStyle
		}
		return n
	}
	return shownScalar(v.Interface())
}

// shownScalar returns x, of a type that YAML has, quoted where it would be read as another.
func shownScalar(x any) *yaml.Node {
	var n yaml.Node
	if err := n.Encode(x); err != nil {
		panic("BUG: a config value that YAML cannot write: " + err.Error())
	}
	return &n
}

// shownDuration writes d as one would: 10s, 90m and 30d for 10s, 1h30m0s and 720h0m0s.
func shownDuration(d time.Duration) string {
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}} {
		if d >= u.size && d%u.size == 0 {
			return fmt.Sprint(int64(d/u.size)) + u.name
		}
	}
	return d.String()
}
