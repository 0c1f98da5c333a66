// Package oneway holds connections to servers that only listen: Graphite and StatsD answer nothing, whatever they are sent.
//
// So all there is to know of a connection has to be asked of the transport. A goroutine for each stream reads all the time,
// not for what it reads but for the end: a server that has gone is known before the next pane is written into a dead socket.
// After writing, Drain waits until the other host's kernel has acknowledged every byte (Linux; elsewhere it returns at
// once), so that a black hole is an error and not a success. Close goes one step further: it ends the stream, and the server
// ends its side when it has read all. What a server has taken into its socket's buffer and not read when it dies is lost
// without a word; who must not lose it has to send it again.
//
// A stream ends in order only behind a whole line. After any error it is cut with a reset (Abort), so that no server takes
// the half line before it for a whole one, and no rest of it arrives while a new connection already sends.
package oneway
