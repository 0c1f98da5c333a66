package apache

import "strings"

// Tomcat turns a pattern of Tomcat's AccessLogValve into a LogFormat: most letters are Apache's, the lengths of time are
// milliseconds (%D; from Tomcat 10.1 on they are microseconds, as Apache's) and some letters mean something else. `common` and
// `combined` are the patterns that Tomcat calls so.
//
// Source: Tomcat's documentation of the valve.
func Tomcat(pattern string) string {
	switch strings.TrimSpace(pattern) {
	case "", "common":
		return Common
	case "combined":
		return Combined
	}
	return strings.NewReplacer(
		"%D", "%{ms}T", // until the request was processed
		"%F", "%{first}n", // until the answer began
		"%I", "%{thread}n",
		"%S", "%{session}n",
		"}c", "}C", "}r", "}n", "}s", "}n", // %{x}c cookie, %{x}r and %{x}s attributes
		"%%", "%%",
	).Replace(pattern)
}
