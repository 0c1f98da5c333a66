package pipeline

import (
	"context"

	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/point"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Source yields the batches of one configured source.
type Source interface {
	// Open finds the partitions that are there now. saved is this source's part of the cursor of the run before; for each
	// that is found again reading goes on from saved.Start(). It returns every partition with the offset its first batch
	// will have: above saved.Start() when the log is gone up to there. It is called once, before Run.
	Open(ctx context.Context, saved []cursor.Partition) ([]Opened, error)

	// Run sends batches to out until ctx ends, or, in a run that reads once, until everything that was there has been sent
	// with Ended on each partition's last batch. Partitions that Open did not return may appear. Nothing is sent after Run
	// has returned, and Run returns only after every goroutine it started.
	Run(ctx context.Context, out chan<- *batch.Batch) error
}

// Opened is a partition as Source.Open found it.
type Opened struct {
	Partition *batch.Partition
	Offset    int64 // of its first batch
}

// Parser reads lines of one source. Each worker has its own, used by one goroutine.
type Parser interface {
	// Parse reads each record's Line into its other fields, at most ChunkLines of them. The caller has Reset each record and
	// set its Line and Offset; a line is never empty. Parse fills the rest, or calls Fail. Bytes it needs besides the line's
	// own stay valid until the next Reset. What it makes of a line depends on nothing but the line.
	Parse(recs []record.Record)
	// Reset is called before each batch: partition is the one that the next lines come from.
	Reset(partition *batch.Partition)
}

// ChunkLines is the most records a Parser or a RecordSink is handed at a time.
const ChunkLines = 64

// MetricSink sends panes. One goroutine calls Send; Close comes after its last.
type MetricSink interface {
	// Send makes one attempt to send panes, in their order, and returns nil once they are confirmed as far as the protocol
	// allows. After an error the pipeline waits (backoff with jitter) and calls again with the same panes, if what is
	// promised for this sink allows it. A Send that ctx ends returns ctx's error.
	Send(ctx context.Context, panes []*point.Pane) error
	// Close ends connections.
	Close() error
}

// RecordSink stores records.
type RecordSink interface {
	// Append adds the documents of recs to body and returns it. It is called by all workers at the same time. Records with
	// Drop&record.DropRecords are not among recs; malformed ones are. partition is that of all recs.
	Append(body []byte, partition *batch.Partition, recs []record.Record) []byte
	// Offer takes over b if there is room: if the sink does not hold as many bytes as it may. b.Done is called exactly once,
	// from any goroutine, when every document of it is stored, was stored before, or is set aside as a dead letter for good.
	// It is not called for what a Close leaves behind.
	Offer(b *Body) bool
	// Submit is Offer, but waits for room until ctx ends.
	Submit(ctx context.Context, b *Body) error
	// Roomy reports whether the sink holds less than half of what it may.
	Roomy() bool
	// Close sends what is held until ctx ends, then gives up the rest.
	Close(ctx context.Context) error
}

// Body is documents of one batch, encoded by RecordSink.Append.
type Body struct {
	Bytes []byte
	Docs  int
	Done  func(*Body)
}
