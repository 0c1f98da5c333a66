package verify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gatemeter/gatemeter/sinks/deadletter"
	"github.com/gatemeter/gatemeter/sinks/elasticsearch"
)

// document is one that must be in Elasticsearch.
type document struct {
	id     string
	offset int64
	time   int64  // Unix nanoseconds; 0: not known
	series string // the finest its record counts under
}

// documents compares those of one log, in their order, with what one Elasticsearch has.
type documents struct {
	name    string // of the sink
	remote  *elasticsearch.Remote
	letters map[string]bool // ids of dead letters
	log     *logState
	counter *counter

	waiting []document
	run     []document // missing, one after another
	present int64      // so far
	report  *Report
	asked   int64
}

// add takes a document that must be there.
func (d *documents) add(ctx context.Context, doc document) error {
	d.waiting = append(d.waiting, doc)
	if len(d.waiting) < askAtOnce {
		return nil
	}
	return d.ask(ctx)
}

// askAtOnce is how many ids a search asks for.
const askAtOnce = 2000

// ask looks for the documents that wait.
func (d *documents) ask(ctx context.Context) error {
	if len(d.waiting) == 0 {
		return nil
	}
	ids := make([]string, len(d.waiting))
	for i := range d.waiting {
		ids[i] = d.waiting[i].id
	}
	found, err := d.remote.Present(ctx, ids)
	if err != nil {
		return fmt.Errorf("sink %s: %w", d.name, err)
	}
	d.asked += int64(len(ids))
	for _, doc := range d.waiting {
		switch n := found[doc.id]; {
		case n == 1:
			d.flush()
			d.present++
		case n > 1:
			d.flush()
			d.present++
			d.report.add(d.difference([]document{doc}, "stored more than once: the data stream rolled over between two attempts of it, or was reindexed"))
		case d.letters[doc.id]: // it is where it should be
			d.flush()
		default:
			d.run = append(d.run, doc)
		}
	}
	d.waiting = d.waiting[:0]
	return nil
}

// flush reports the run of missing documents.
func (d *documents) flush() {
	if len(d.run) == 0 {
		return
	}
	reason := "deleted from Elasticsearch: what is around it is there"
	switch {
	case d.present == 0:
		reason = "Elasticsearch has none of this log up to here: deleted by age (retention), its index deleted, or indexed under another data_stream or index"
	case d.log.odd:
		reason = "deleted from Elasticsearch, or the log was changed where it had been read: offsets, and with them ids, no longer line up"
	case len(d.run) > 1:
		reason = "deleted from Elasticsearch, or lost by it: what is around them is there"
	}
	d.report.add(d.difference(d.run, reason))
	d.run = d.run[:0]
}

// finish looks for what is left and compares the number of documents.
func (d *documents) finish(ctx context.Context) error {
	if err := d.ask(ctx); err != nil {
		return err
	}
	if len(d.run) > 0 && d.present > 0 && !d.log.odd {
		d.report.add(d.difference(d.run, "deleted from Elasticsearch, or lost by it: from here on, none of this log is there"))
		d.run = nil
	}
	d.flush()
	at := d.log.cursor
	n, err := d.remote.Count(ctx, elasticsearch.Log{Shard: d.log.shard, Source: at.Source, Path: at.Name, Below: at.Indexed})
	if err != nil {
		return fmt.Errorf("sink %s: %w", d.name, err)
	}
	if n > d.present && d.log.whole {
		d.report.note("%s has %d documents more of %q than the log has lines for: some are gone from it, or it is another log by now under its old name", d.name, n-d.present, at.Name)
	}
	return nil
}

func (d *documents) difference(run []document, reason string) Difference {
	first := &run[0]
	diff := Difference{
		Kind: KindDocument, Sink: d.name, Source: d.log.cursor.Source, Log: d.log.cursor.Name,
		Offset: first.offset, ID: first.id, Lines: len(run), Series: first.series, Reason: reason,
	}
	if first.time != 0 {
		at := Time(d.counter.start(first.time))
		diff.Window = &at
	}
	return diff
}

// letters returns the ids of all dead letters under dataDir.
func letters(dataDir string) (map[string]bool, error) {
	ids := map[string]bool{}
	files, err := deadletter.Files(filepath.Join(dataDir, "deadletters"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		lines, err := f.Lines()
		if os.IsNotExist(err) {
			continue // gone since
		}
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			if l.Entry != nil {
				ids[l.Entry.ID] = true
			}
		}
	}
	return ids, nil
}

// again calls f until it says that all is well, or wait is over: what was just sent may not be to be seen yet.
func again(ctx context.Context, wait time.Duration, f func() (done bool, err error)) error {
	for end := time.Now().Add(wait); ; {
		done, err := f()
		if done || err != nil || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}
