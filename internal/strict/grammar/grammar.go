// Package grammar holds what the strict readers of Graphite's and StatsD's protocols agree on.
package grammar

import "strings"

// IsNode reports whether s is one or more of [A-Za-z0-9_-].
func IsNode(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return s != ""
}

// IsPath reports whether s is nodes joined by dots.
func IsPath(s string) bool {
	for node := range strings.SplitSeq(s, ".") {
		if !IsNode(node) {
			return false
		}
	}
	return true
}

// IsTags reports whether s is tags joined by next, each a node, is, and a node, no tag twice.
func IsTags(s, next, is string) bool {
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(s, next) {
		tag, value, ok := strings.Cut(pair, is)
		if !ok || !IsNode(tag) || !IsNode(value) || seen[tag] {
			return false
		}
		seen[tag] = true
	}
	return true
}

// IsDecimal reports whether s is -?(0|[1-9][0-9]*)(\.[0-9]*[1-9])? and not -0: equal numbers are equal strings.
func IsDecimal(s string) bool {
	if s == "-0" {
		return false
	}
	whole, fraction, dot := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if !isDigits(whole) || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	return !dot || isDigits(fraction) && fraction[len(fraction)-1] != '0'
}

// IsInteger reports whether s is -?(0|[1-9][0-9]*) and not -0.
func IsInteger(s string) bool { return IsDecimal(s) && !strings.Contains(s, ".") }

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
