// Package file is the source that reads log files as they grow, are rotated, compressed and replaced.
//
// # One log, many files
//
// A partition is a log: a live path with its rotations. It is read as if all its files were one: a segment is one physical
// file in that row, with the logical offset of its first byte (base). The base of a segment is the end of the one before;
// offset = base + position in the file's (decompressed) content. Segments are named by content and inode, never by path
// alone, because rotation changes paths.
//
//	access.log.2.gz          access.log.1             access.log
//	┌───────────────────┐    ┌───────────────────┐    ┌──────────────┄
//	│ segment           │    │ segment           │    │ segment
//	└───────────────────┘    └───────────────────┘    └──────────────┄
//	0                base = end               base = end          next
//
// # Who owns what
//
// One goroutine, Source.Run, owns all partitions and does all reading, a batch of each partition in turn. The watcher's
// goroutine turns inotify events into wake-ups and touches nothing else. What Stats and Ready show is copied under a mutex
// after each step.
//
// # How a partition goes on
//
// partition.chain is the files known to follow one another; chain[0] is read, the last is the newest. extend.go appends what
// a look at the folder shows to be newer than the last; files that appear while we watch are opened at once, so that a
// rotation that deletes them takes nothing from us. A file that has a newer one is left when it has been at its end and
// unchanged for RotateWait (a writer may still hold it). locate.go finds saved segments again after a restart, and the copy
// that a truncation left behind: both are the same question, "which file now has this content?".
//
// # Races
//
// A file can be truncated and written anew at any instant. Each read begins up to tailSize bytes before our position, where
// the bytes must be those we know, and is looked at again afterwards (content.go); only then are its lines sent. A folder can
// be renamed through while it is listed: a look that matters is taken until two in a row agree (scan.go).
package file
