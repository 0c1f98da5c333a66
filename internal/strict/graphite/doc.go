// Package graphite is a strict stand-in for carbon: it takes the plaintext protocol over TCP, TLS and UDP, or pickle, checks
// every byte harder than carbon does, keeps what it was sent and misbehaves on demand. Tests and the demo use it where a
// real carbon is too slow to start or cannot be made to fail at the right byte.
//
// Like Graphite it keeps the last value of a series and a timestamp. It takes a line only with its newline, and none that
// has a byte outside the grammar in line.go. A stream that ends in order in the middle of a line is a violation; one that is
// reset there is not, and its half line counts for nothing.
package graphite
