// Package fault marks the places in the code where a crash, a delay or a failure must change no number, and lets tests have
// one there. In a release At is empty and compiled away. Built with -tags faults, the binary reads GATEMETER_FAULTS:
//
//	GATEMETER_FAULTS='cursor.written:kill:3, panes.sent:fail:1-5, bulk.sending:delay=200ms'
//
// is, at each of the points named, what happens at the hits counted from 1 that are named, or at each: kill (SIGKILL to
// itself), stop (SIGSTOP), delay=DURATION, fail (At returns an error).
package fault

// Points are all points, in the order in which a line and what becomes of it passes them.
func Points() []string {
	return []string{
		"spool.writing",   // before a group of records is written; fail: the disk takes none
		"spool.written",   // it is, in the page cache
		"spool.synced",    // and on the disk
		"spool.begun",     // a new segment is there, and has no record yet
		"post.stored",     // a post's records are in the spool, and it is not answered
		"batch.read",      // a source has read a batch, and has not given it away
		"batch.taken",     // the dispatcher has it
		"records.handed",  // a task's records are with the record sinks
		"task.counted",    // its lines are counted
		"epoch.collected", // panes are made, and nobody has them
		"epoch.offered",   // the lanes have them, and the committer the cursors that go with them
		"cursor.saving",   // before the cursor file is touched; fail: it cannot be
		"cursor.written",  // a slot is written, and not on the disk yet
		"cursor.synced",   // it is
		"cursor.saved",    // the pipeline is about to hear of it
		"panes.sending",   // before a metric sink is given panes; fail: it is down
		"panes.sent",      // it has them; fail: its answer is lost
		"bulk.sending",    // before a bulk request leaves; fail: no connection
		"bulk.answered",   // Elasticsearch has done it; fail: its answer is lost
		"letter.written",  // a dead letter is written, and not on the disk yet
		"letter.synced",   // it is
		"records.again",   // a record lane is about to read sources again; fail: they cannot be opened
	}
}
