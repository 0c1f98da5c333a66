package admin

import (
	"github.com/gatemeter/gatemeter/internal/panespool"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/cursor"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/sinks/deadletter"
	"github.com/gatemeter/gatemeter/sinks/elasticsearch"
	"github.com/gatemeter/gatemeter/sinks/graphite"
	"github.com/gatemeter/gatemeter/sinks/statsd"
	"github.com/gatemeter/gatemeter/sources/file"
)

// The samples of each part of gatemeter. What each means, and when to be woken by it, is in docs/operations.md; a test
// compares the two.

// metric is what the samples of one name have in common.
type metric struct {
	name, help string
	kind       Kind
}

var (
	readLines = metric{"gatemeter_source_read_lines_total", "Lines read: skipped, malformed and parsed ones.", Counter}
	replayed  = metric{"gatemeter_source_replayed_lines_total", "Lines read again after a restart, which are in no other counter.", Counter}
	skipped   = metric{"gatemeter_source_skipped_lines_total", "Lines that were not parsed: blank, or longer than max_line.", Counter}
	malformed = metric{"gatemeter_parser_malformed_lines_total", "Lines that are no record of their format, by reason.", Counter}
	parsed    = metric{"gatemeter_parser_parsed_records_total", "Lines that are a record: left out and counted ones.", Counter}
	leftOut   = metric{"gatemeter_window_left_out_records_total", "Records that were counted in no window, by reason.", Counter}
	full      = metric{"gatemeter_window_full_rollups_total", "Windows of a log in which a rollup had max_series series and records of more, by rollup.", Counter}
	counted   = metric{"gatemeter_window_counted_records_total", "Records counted in a window.", Counter}
	openParts = metric{"gatemeter_window_open_parts", "Windows in memory: those sent that may still change, and of the others the part of each worker.", Gauge}
	panes     = metric{"gatemeter_window_panes_total", "Panes that left for the sinks, by kind.", Counter}

	watermark = metric{"gatemeter_partition_watermark_timestamp_seconds", "Event time up to which the partition's records are in.", Gauge}
	indexed   = metric{"gatemeter_partition_indexed_offset", "Offset below which every record sink has confirmed.", Gauge}
	emitted   = metric{"gatemeter_shard_emitted_timestamp_seconds", "Event time up to which the shard's windows have been sent.", Gauge}
	final     = metric{"gatemeter_shard_final_timestamp_seconds", "Event time up to which the shard's windows can no longer change.", Gauge}

	saves        = metric{"gatemeter_cursor_saves_total", "Times the cursors were saved.", Counter}
	saveFailures = metric{"gatemeter_cursor_save_failures_total", "Times the cursors could not be saved.", Counter}

	sinkUp       = metric{"gatemeter_sink_up", "1 when the sink's last attempt succeeded, 0 while it fails.", Gauge}
	sinkPanes    = metric{"gatemeter_sink_sent_panes_total", "Panes the sink confirmed.", Counter}
	sinkPoints   = metric{"gatemeter_sink_sent_points_total", "Points the sink confirmed.", Counter}
	queuedPanes  = metric{"gatemeter_sink_queued_panes", "Panes that wait for the sink.", Gauge}
	queuedPoints = metric{"gatemeter_sink_queued_points", "Points that wait for the sink.", Gauge}
	sinkFailures = metric{"gatemeter_sink_failures_total", "Attempts to send that failed.", Counter}
	lostPanes    = metric{"gatemeter_sink_lost_panes_total", "Panes the sink never got, by reason.", Counter}

	spooledPanes   = metric{"gatemeter_sink_spooled_panes_total", "Panes moved to the disk because the sink was down.", Counter}
	spoolBytes     = metric{"gatemeter_sink_spool_bytes", "Bytes of panes on the disk.", Gauge}
	spoolLost      = metric{"gatemeter_sink_spool_lost_parts_total", "Parts of spooled panes the sink never got, by reason.", Counter}
	recordsBehind  = metric{"gatemeter_sink_partitions_behind", "Partitions whose records the sink had no room for: they are read again for it.", Gauge}
	recordsWaiting = metric{"gatemeter_sink_waiting_offsets", "Offsets (bytes, for files) whose records wait to be read again for the sink.", Gauge}
	recordsLost    = metric{"gatemeter_sink_lost_stretches_total", "Stretches of logs that were gone when they were to be read again for the sink.", Counter}

	sinkNewest = metric{"gatemeter_sink_newest_window_timestamp_seconds", "End of the newest window the sink confirmed.", Gauge}

	sinkConnects = metric{"gatemeter_sink_connections_total", "Connections made, and sockets opened.", Counter}
	sinkPackets  = metric{"gatemeter_sink_sent_packets_total", "Datagrams sent, or pieces of a stream.", Counter}
	sinkBytes    = metric{"gatemeter_sink_sent_bytes_total", "Bytes sent.", Counter}
	sinkLines    = metric{"gatemeter_sink_sent_lines_total", "Lines sent, those sent again included. Of StatsD fewer than points: a counter that did not change is none.", Counter}
	sinkLeftOut  = metric{"gatemeter_sink_left_out_points_total", "Points that were not sent, by reason.", Counter}

	submitted = metric{"gatemeter_index_submitted_documents_total", "Documents handed to the record sink: settled and in flight ones.", Counter}
	settled   = metric{"gatemeter_index_settled_documents_total", "Documents the record sink is done with, by outcome.", Counter}
	inFlight  = metric{"gatemeter_index_in_flight_documents", "Documents the record sink is not done with.", Gauge}
	held      = metric{"gatemeter_index_held_bytes", "Size of the documents the record sink is not done with.", Gauge}
	retried   = metric{"gatemeter_index_retried_documents_total", "Documents sent again, by reason.", Counter}
	requests  = metric{"gatemeter_index_requests_total", "Bulk requests sent.", Counter}
	failed    = metric{"gatemeter_index_failed_requests_total", "Bulk requests that were not taken as a whole.", Counter}
	throttled = metric{"gatemeter_index_throttled_requests_total", "Bulk requests in which the server was too busy for some documents or all.", Counter}
	sentBytes = metric{"gatemeter_index_sent_bytes_total", "Size of the documents sent, before compression.", Counter}

	letters      = metric{"gatemeter_deadletter_written_letters_total", "Documents set aside as dead letters.", Counter}
	lettersGone  = metric{"gatemeter_deadletter_dropped_letters_total", "Dead letters deleted for want of room.", Counter}
	lettersLost  = metric{"gatemeter_deadletter_failed_letters_total", "Dead letters the disk did not take.", Counter}
	lettersBytes = metric{"gatemeter_deadletter_size_bytes", "Size of the dead letters on disk.", Gauge}

	fileRefused   = metric{"gatemeter_file_refused_files_total", "Things that match the paths and are no regular files.", Counter}
	fileErrors    = metric{"gatemeter_file_errors_total", "Failed attempts to look at a folder, or to open or read a file.", Counter}
	fileLag       = metric{"gatemeter_file_lag_bytes", "Bytes of the log that are there and not read.", Gauge}
	fileRotations = metric{"gatemeter_file_rotations_total", "Times reading went on in another file of the log.", Counter}
	fileCuts      = metric{"gatemeter_file_truncations_total", "Times a file of the log was cut while it was read.", Counter}
	fileLosses    = metric{"gatemeter_file_losses_total", "Times a part of the log was gone before it was read.", Counter}
	fileLostBytes = metric{"gatemeter_file_lost_bytes_total", "Bytes that were gone before they were read, as far as it can be known.", Counter}

	reloadsDone   = metric{"gatemeter_config_reloads_total", "Times the config was read again, by outcome.", Counter}
	reloadSuccess = metric{"gatemeter_config_last_reload_successful", "0 when the config on disk was not taken over, else 1.", Gauge}
)

// emitter emits samples that share labels.
type emitter struct {
	emit   func(Sample)
	labels []Label
}

func (e emitter) say(m metric, value float64, more ...Label) {
	labels := append(e.labels[:len(e.labels):len(e.labels)], more...)
	e.emit(Sample{Name: m.name, Help: m.help, Kind: m.kind, Labels: labels, Value: value})
}

func (e emitter) count(m metric, n int64, more ...Label) { e.say(m, float64(n), more...) }

// Pipeline emits what the pipeline says of itself. The conservation equations are among it: lines read are the skipped, the
// malformed and the parsed; parsed records are those left out and the counted.
func Pipeline(s *pipeline.Stats, emit func(Sample)) {
	for i := range s.Partitions {
		p := &s.Partitions[i]
		e := emitter{emit, []Label{{"source", p.Source}, {"partition", p.Name}, {"shard", p.Shard}}}
		e.count(readLines, p.Read)
		e.count(replayed, p.Replayed)
		e.count(parsed, p.Parsed)
		e.count(counted, p.Counted)
		for rollup, n := range p.Full {
			e.count(full, n, Label{"rollup", rollup})
		}
		for r := record.Blank; r < record.NumReasons; r++ {
			m := leftOut
			switch {
			case r == record.Blank || r == record.Oversize:
				m = skipped
			case r.Malformed():
				m = malformed
			}
			e.count(m, p.Reasons[r], Label{"reason", r.String()})
		}
		if p.Watermark != cursor.NoWatermark {
			e.say(watermark, float64(p.Watermark)/1e9)
		}
		e.count(indexed, p.Indexed)
	}
	for _, shard := range s.Shards {
		e := emitter{emit, []Label{{"shard", shard.Label}}}
		if shard.Emitted != cursor.NoWatermark {
			e.count(emitted, shard.Emitted)
		}
		if shard.Final != cursor.NoWatermark {
			e.count(final, shard.Final)
		}
	}
	e := emitter{emit: emit}
	e.count(openParts, s.OpenWindows)
	for i, kind := range pipeline.PaneKinds() {
		e.count(panes, s.Panes[i], Label{"kind", kind})
	}
	e.count(saves, s.Commit.Saves)
	e.count(saveFailures, s.Commit.Failures)
	for i := range s.Lanes {
		lane(&s.Lanes[i], emit)
	}
	for i := range s.RecordLanes {
		l := &s.RecordLanes[i]
		e := emitter{emit, []Label{{"sink", l.Name}}}
		e.count(recordsBehind, l.Behind)
		e.count(recordsWaiting, l.Waiting)
		e.count(recordsLost, l.Lost)
	}
}

func lane(l *pipeline.LaneStats, emit func(Sample)) {
	e := emitter{emit, []Label{{"sink", l.Name}}}
	up := int64(1)
	if l.LastError != "" {
		up = 0
	}
	e.count(sinkUp, up)
	e.count(sinkPanes, l.Panes)
	e.count(sinkPoints, l.Points)
	e.count(queuedPanes, int64(l.QueuedPanes))
	e.count(queuedPoints, int64(l.QueuedPoints))
	e.count(sinkFailures, l.Failures)
	e.count(spooledPanes, l.SpooledPanes)
	e.count(lostPanes, l.DroppedPanes, Label{"reason", "dropped"})
	e.count(lostPanes, l.LostPanes, Label{"reason", "failed"})
	e.count(lostPanes, l.TooOldPanes, Label{"reason", "too_old"})
	if l.Newest > 0 {
		e.count(sinkNewest, l.Newest)
	}
}

// PaneSpool emits how the pane spool of the sink called name stands.
func PaneSpool(name string, s panespool.Stats, emit func(Sample)) {
	e := emitter{emit, []Label{{"sink", name}}}
	e.count(spoolBytes, s.Bytes)
	e.count(spoolLost, s.Dropped, Label{"reason", "dropped"})
	e.count(spoolLost, s.TooOld, Label{"reason", "too_old"})
	e.count(spoolLost, s.Corrupt, Label{"reason", "corrupt"})
}

// Graphite emits what the Graphite sink called name says of itself.
func Graphite(name string, s graphite.Stats, emit func(Sample)) {
	e := emitter{emit, []Label{{"sink", name}}}
	e.count(sinkConnects, s.Connects)
	e.count(sinkPackets, s.Packets)
	e.count(sinkBytes, s.Bytes)
	e.count(sinkLines, s.Points)
	e.count(sinkLeftOut, s.NotFinite, Label{"reason", "not_finite"})
	e.count(sinkLeftOut, s.Oversize, Label{"reason", "oversize"})
}

// StatsD emits what the StatsD sink called name says of itself.
func StatsD(name string, s statsd.Stats, emit func(Sample)) {
	e := emitter{emit, []Label{{"sink", name}}}
	e.count(sinkConnects, s.Connects)
	e.count(sinkPackets, s.Packets)
	e.count(sinkBytes, s.Bytes)
	e.count(sinkLines, s.Points)
	e.count(sinkLeftOut, s.NotFinite, Label{"reason", "not_finite"})
	e.count(sinkLeftOut, s.Oversize, Label{"reason", "oversize"})
	e.count(sinkLeftOut, s.OldGauges, Label{"reason", "old_gauge"})
}

// Elasticsearch emits what the Elasticsearch sink called name says of itself. Its conservation equation: submitted documents
// are the settled and those in flight.
func Elasticsearch(name string, s elasticsearch.Stats, emit func(Sample)) {
	e := emitter{emit, []Label{{"sink", name}}}
	e.count(submitted, s.Submitted)
	e.count(settled, s.Created, Label{"outcome", "created"})
	e.count(settled, s.Duplicate, Label{"outcome", "duplicate"})
	e.count(settled, s.Dead, Label{"outcome", "dead"})
	e.count(inFlight, s.InFlight)
	e.count(held, s.Held)
	s.EachRetried(func(reason string, n int64) { e.count(retried, n, Label{"reason", reason}) })
	e.count(requests, s.Requests)
	e.count(failed, s.Failed)
	e.count(throttled, s.Throttled)
	e.count(sentBytes, s.Bytes)
}

// Files emits what the file source called name says of itself.
func Files(name string, s file.Stats, emit func(Sample)) {
	e := emitter{emit, []Label{{"source", name}}}
	e.count(fileRefused, int64(s.Refused))
	errors := s.Errors
	for i := range s.Partitions {
		p := &s.Partitions[i]
		errors += p.Errors
		e := emitter{emit, []Label{{"source", name}, {"partition", p.Name}}}
		e.count(fileLag, p.Lag)
		e.count(fileRotations, p.Rotations)
		e.count(fileCuts, p.Truncations)
		e.count(fileLosses, p.Lost)
		e.count(fileLostBytes, p.LostBytes)
	}
	e.count(fileErrors, errors)
}

// Reloads emits how often the config was read again.
func Reloads(done, failed int64, lastFailed bool, emit func(Sample)) {
	e := emitter{emit: emit}
	e.count(reloadsDone, done, Label{"outcome", "done"})
	e.count(reloadsDone, failed, Label{"outcome", "failed"})
	success := int64(1)
	if lastFailed {
		success = 0
	}
	e.count(reloadSuccess, success)
}

// DeadLetters emits what the dead letters of the sink called name are.
func DeadLetters(name string, s deadletter.Stats, emit func(Sample)) {
	e := emitter{emit, []Label{{"sink", name}}}
	e.count(letters, s.Written)
	e.count(lettersGone, s.Dropped)
	e.count(lettersLost, s.Failed)
	e.count(lettersBytes, s.Bytes)
}
