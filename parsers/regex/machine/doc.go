// Package machine finds a regular expression in a line and says where its groups are, without allocating memory. What it finds is
// what FindSubmatchIndex of package regexp finds, which has no way to put the places of groups into memory that is there already.
//
// Expressions are parsed and compiled by package regexp/syntax. Compile then makes a Program of the instructions: those that
// keep places nobody asked for are gone, and each has what helps to run it fast (compile.go, look.go):
//
//   - Classes are tables of bytes. Runes are decoded where a byte is not ASCII and it matters. A place inside a valid rune is never one
//     where something begins or ends: for places next to ASCII that is so anyhow, elsewhere it is looked at (boundary).
//   - Each fork knows, by the next byte, which of its ways can lead anywhere. Mostly it is one, and nothing has to be remembered.
//   - A loop over one class, `\S+`, `[^"]*`, `.*?`, is one instruction, which runs over all of its bytes.
//   - Runes that follow each other are one text.
//
// A Machine runs a program in one of two ways. The first (backtrack.go) tries one way after the other, in the order in which they are
// preferred, and comes back to the last fork when one fails. It marks where it has been, instruction and place, and does not go there
// again (marks.go), so that the work is bounded by the program's size times the line's length. Only instructions that
// can be reached in two ways need marks. It is fast, but its memory may be as much as program times line too: when it wants more than
// a bound, the line is read again in the second way (threads.go), which goes over it once, with all ways at the same time. Its
// memory is bounded by the program's size.
//
// Both are Russ Cox's, as described in "Regular Expression Matching: the Virtual Machine Approach" (https://swtch.com/~rsc/regexp/regexp2.html),
// which calls the second Pike's, and "Regular Expression Matching in the Wild" (https://swtch.com/~rsc/regexp/regexp3.html), which
// has the first as RE2's BitState.
package machine
