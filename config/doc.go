// Package config is what users write: a YAML file, the environment, and defaults, read into one tree of structs.
//
// viper reads the file and lays the environment over it; it is used nowhere else. The tree is then filled strictly, field by
// field, beside the file's own YAML nodes, so that every mistake is found in one go and named with its line: unknown keys
// (with a suggestion), wrong types, values out of range, what does not go together.
//
// To add a key, add a field with a `key` tag and its default in the default… function of its struct, a line to docs/config.md
// (a test compares the two), and, where not every value makes sense, a check in check.go.
package config
