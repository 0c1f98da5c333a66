package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// example is a config, or a part of one, that the docs show.
type example struct {
	where string // FILE or FILE:LINE
	text  string
}

// examples returns docs/examples and what stands between ```yaml and ``` in README.md and docs.
func examples(t *testing.T) (all []example) {
	t.Helper()
	pages := []string{"../README.md"}
	err := filepath.WalkDir("../docs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && (filepath.Ext(path) == ".md" || filepath.Ext(path) == ".yaml") {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	for _, page := range pages {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(page) == ".yaml" {
			all = append(all, example{page, string(data)})
			continue
		}
		for _, m := range block.FindAllSubmatchIndex(data, -1) {
			line := strings.Count(string(data[:m[0]]), "\n") + 1
			all = append(all, example{page + ":" + strconv.Itoa(line), string(data[m[2]:m[3]])})
		}
	}
	return all
}

// keysOf returns the keys that a struct of the config has in the file.
func keysOf(t reflect.Type) (keys []string) {
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("key"); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestDocExamples: what the docs show of configs is right. What has sources is a whole config and loads, its formats included.
// Else it is a part of one, of the whole or of a source, in which only what is elsewhere may be missing. YAML of other programs is
// left alone.
func TestDocExamples(t *testing.T) {
	whole := keysOf(reflect.TypeFor[Config]())
	source := keysOf(reflect.TypeFor[Source]())
	loaded := map[string]int{}
	for _, e := range examples(t) {
		// Files and variables are those of the user's machine.
		text := regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(e.text, "x")
		// A part may be indented as it is in the whole.
		indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
		text = strings.ReplaceAll(strings.TrimPrefix(text, indent), "\n"+indent, "\n")
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(text), &node); err != nil {
			t.Errorf("%s: %v", e.where, err)
			continue
		}
		var keys []string
		for i := 0; len(node.Content) > 0 && i < len(node.Content[0].Content); i += 2 {
			keys = append(keys, node.Content[0].Content[i].Value)
		}
		kind := "other"
		switch {
		case len(keys) == 0:
		case slices.Contains(keys, "sources"):
			kind = "whole"
		case slices.Contains(whole, keys[0]):
			kind = "part"
			text += "\nsources: {x: {type: stdin}}\n"
		case slices.Contains(source, keys[0]):
			kind = "source"
			text = "sources:\n  x:\n    type: file\n    paths: [/x]\n    " + strings.ReplaceAll(text, "\n", "\n    ")
		}
		loaded[kind]++
		if kind == "other" {
			continue
		}
		if _, _, err := parse(e.where, []byte(text)); err != nil {
			t.Errorf("%s: %v", e.where, err)
		}
	}
	if loaded["whole"] < 10 || loaded["part"] < 3 || loaded["source"] < 1 {
		t.Errorf("only found %v", loaded)
	}
}
