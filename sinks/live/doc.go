// Package live is the metric sink behind `gatemeter run access.log` and `gatemeter demo`: people look at it. On a terminal it
// is a table drawn anew each second; elsewhere a line for each window, without a single escape sequence. At the end there is
// a summary of the whole run.
//
// It is a discarding sink: it adds up changes over all windows. Percentiles cannot be added up, so the summary has the
// highest that a window had, and says so.
//
// What to know before a change:
//
//   - window.go makes a Window of a pane, totals.go adds windows up; screen.go, line.go and summary.go turn them into text
//     and touch nothing else, so the golden files in testdata cover them.
//   - Names come from the log, which strangers write. They pass through clean (text.go) before they are kept.
//   - Output is ASCII but for what the log's names hold.
package live
