// Package spool is an append-only log on disk: what arrives over the network is appended to it, answered, and read back from it,
// so that it can be read again after a crash like any file.
//
// A spool is a folder of segment files. A record is any bytes; it gets the next sequence number, from 0 on, and numbers are never
// given twice while the folder exists. Records come in groups: a Group is there whole or not at all, however the process ends,
// and may carry a key, by which a second attempt to append it is known.
//
//	Append ─▶ encode in blocks, one write ─▶ page cache ─ fsync ─▶ disk ─▶ Reader
//	              (kill -9 loses nothing)        (each FsyncEvery)
//
// A Reader gets only what has been synced. That is what keeps numbers unique through a power cut: a number somebody has seen
// belongs to a record that is on the disk.
//
// The lock Spool.mu guards the list of segments, the sizes and the numbers; Append holds it while it writes. One goroutine, the
// syncer, calls fsync without holding it. Readers hold it only to learn how far they may read.
//
// Nothing here knows what the records are, but for Source, which reads a spool of log lines into a pipeline. The bytes on disk
// are described in docs/spool.md.
package spool
