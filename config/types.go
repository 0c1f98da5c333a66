package config

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

// Secret is a value that is never printed: every way of formatting it gives <secret>.
type Secret string

const hidden = "<secret>"

// String returns <secret>, or nothing when there is none.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// Format writes <secret> whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Size is a number of bytes; written 64MiB, 10kB, 512.
type Size int64

var units = []struct {
	name string
	size float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

func parseSize(s string) (Size, error) {
	number, unit := strings.TrimSpace(s), 1.0
	for _, u := range units {
		if n, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(n), u.size
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n < 0 || n*unit > math.MaxInt64/2 || math.IsNaN(n) {
		return 0, fmt.Errorf("%s is not a size like 64MiB", quote(s))
	}
	return Size(n * unit), nil
}

// String writes the size as it is written in configs.
func (s Size) String() string {
	for i := 3; i >= 0; i-- {
		if u := Size(units[i].size); s >= u && s%u == 0 {
			return strconv.FormatInt(int64(s/u), 10) + units[i].name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err == nil && d >= 0:
		return d, nil
	case err == nil:
		return 0, fmt.Errorf("%s is negative", quote(s))
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 && n < 36500 {
			return time.Duration(n * float64(24*time.Hour)), nil
		}
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil && s != "0" {
		return 0, fmt.Errorf("%s has no unit: write it as %ss or %sms", quote(s), s, s)
	}
	return 0, fmt.Errorf("%s is not a duration like 10s, 250ms or 30d", quote(s))
}

// quote quotes what a user wrote, cut to 200 bytes.
func quote(s string) string { return fmt.Sprintf("%.200q", s) }
