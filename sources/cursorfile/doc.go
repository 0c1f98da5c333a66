// Package cursorfile keeps the cursors of a run in one small file, so that the next run goes on where this one stopped.
//
// The file has two slots, written in turn: whatever happens during a write, the other slot holds the cursors before it. A
// slot is a header with a checksum, and the cursors as JSON. Going back to older cursors is always right, only slower: the
// pipeline reads more of the logs again. The format, byte by byte, is in docs/state.md.
//
// A lock on a file beside it keeps a second process out: two that share cursors would lose lines for each other.
package cursorfile
