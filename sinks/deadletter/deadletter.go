// Package deadletter keeps documents a sink was refused for good: one JSON object a line, in files of bounded size under the
// data directory. When the bound is reached the oldest file goes, and its lines are counted.
//
// A dead letter is on disk (fsync) when Write returns, so that the cursor may pass its record. A disk that takes none costs
// the letters, counted, and a message when that begins and when it ends: what cannot be stored must not stop what can.
package deadletter

import (
	"strconv"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/ecs"
)

// Letter is one refused document. Write keeps nothing of it.
type Letter struct {
	Partition string // the partition's id
	Offset    int64  // of the record in it

	ID       string // under which the sink would have stored the document
	Target   string // where: an index, a data stream
	Status   int    // the server's answer
	Type     string // the server's name for the error
	Reason   string // the server's words, cut
	Attempts int    // how often the document was sent

	Document []byte // valid JSON on one line
}

// appendLetter appends l as one line of JSON.
func appendLetter(dst []byte, now time.Time, sink string, l *Letter) []byte {
	dst = append(dst, `{"time":"`...)
	dst = now.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	dst = append(dst, `","sink":`...)
	dst = ecs.AppendString(dst, sink)
	dst = append(dst, `,"partition":`...)
	dst = ecs.AppendString(dst, l.Partition)
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendInt(dst, l.Offset, 10)
	dst = append(dst, `,"id":`...)
	dst = ecs.AppendString(dst, l.ID)
	dst = append(dst, `,"index":`...)
	dst = ecs.AppendString(dst, l.Target)
	dst = append(dst, `,"status":`...)
	dst = strconv.AppendInt(dst, int64(l.Status), 10)
	dst = append(dst, `,"type":`...)
	dst = ecs.AppendString(dst, l.Type)
	dst = append(dst, `,"reason":`...)
	dst = ecs.AppendString(dst, l.Reason)
	dst = append(dst, `,"attempts":`...)
	dst = strconv.AppendInt(dst, int64(l.Attempts), 10)
	dst = append(dst, `,"document":`...)
	dst = append(dst, l.Document...)
	return append(dst, '}', '\n')
}
