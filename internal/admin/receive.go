package admin

import (
	"slices"
	"strconv"

	"github.com/gatemeter/gatemeter/sources/push"
	"github.com/gatemeter/gatemeter/sources/spool"
	"github.com/gatemeter/gatemeter/sources/syslog"
)

// The samples of sources that others send to.

var (
	keptBytes    = metric{"gatemeter_spool_size_bytes", "Size of the spool on disk.", Gauge}
	keptUnread   = metric{"gatemeter_spool_unread_records", "Records in the spool that have not been read and indexed.", Gauge}
	keptAppended = metric{"gatemeter_spool_appended_records_total", "Records appended to the spool.", Counter}
	keptLost     = metric{"gatemeter_spool_lost_records_total", "Records that left the spool unread, or while a restart might need them, by reason.", Counter}
	keptFailures = metric{"gatemeter_spool_write_failures_total", "Times the disk did not take what was appended.", Counter}
	keptUnsynced = metric{"gatemeter_spool_sync_failures_total", "Times what was appended could not be synced.", Counter}
	keptTwice    = metric{"gatemeter_spool_duplicate_groups_total", "Groups of records left out because they had been appended before.", Counter}

	syslogReceived = metric{"gatemeter_syslog_received_messages_total", "Messages received: appended and refused ones.", Counter}
	syslogAppended = metric{"gatemeter_syslog_appended_messages_total", "Messages appended to the spool.", Counter}
	syslogRefused  = metric{"gatemeter_syslog_refused_messages_total", "Messages received and not kept, by reason.", Counter}
	syslogDropped  = metric{"gatemeter_syslog_kernel_dropped_datagrams_total", "Datagrams the kernel dropped because they were not read in time.", Counter}
	syslogOpen     = metric{"gatemeter_syslog_open_connections", "Connections open.", Gauge}
	syslogAccepted = metric{"gatemeter_syslog_accepted_connections_total", "Connections accepted.", Counter}
	syslogClosed   = metric{"gatemeter_syslog_closed_connections_total", "Connections refused or closed by us, by reason.", Counter}

	httpRequests = metric{"gatemeter_http_requests_total", "Posts by the status they were answered with.", Counter}
	httpRecords  = metric{"gatemeter_http_appended_records_total", "Records of posts appended to the spool.", Counter}
	httpBytes    = metric{"gatemeter_http_appended_bytes_total", "Size of those records.", Counter}
	httpTwice    = metric{"gatemeter_http_duplicate_requests_total", "Posts answered with 200 and left out because they had been appended before.", Counter}
	httpOpen     = metric{"gatemeter_http_open_connections", "Connections open.", Gauge}
	httpRefused  = metric{"gatemeter_http_refused_connections_total", "Connections refused because max_connections were open.", Counter}
)

// Spool emits what the spool of the source called name says of itself.
func Spool(name string, s spool.Stats, emit func(Sample)) {
	e := emitter{emit, []Label{{"source", name}}}
	e.count(keptBytes, s.Bytes)
	e.count(keptUnread, s.Next-s.Read)
	e.count(keptAppended, s.Appended)
	e.count(keptLost, s.DroppedFull, Label{"reason", "full"})
	e.count(keptLost, s.Unreplayable, Label{"reason", "unreplayable"})
	e.count(keptLost, s.Corrupt, Label{"reason", "corrupt"})
	e.count(keptFailures, s.Failures)
	e.count(keptUnsynced, s.SyncFailures)
	e.count(keptTwice, s.Duplicates)
}

// Syslog emits what the syslog source called name says of itself. Its conservation equation: received messages are the appended
// and the refused ones.
func Syslog(name string, s syslog.Stats, emit func(Sample)) {
	e := emitter{emit, []Label{{"source", name}}}
	e.count(syslogReceived, s.Received)
	e.count(syslogAppended, s.Appended)
	e.count(syslogDropped, s.KernelDrops)
	e.count(syslogOpen, s.Connections)
	e.count(syslogAccepted, s.Accepted)
	s.EachReason(func(r syslog.Reason, messages, connections int64) {
		if r.OfMessages() {
			e.count(syslogRefused, messages, Label{"reason", r.String()})
		}
		if r.OfConnections() {
			e.count(syslogClosed, connections, Label{"reason", r.String()})
		}
	})
}

// HTTP emits what the http source called name says of itself.
func HTTP(name string, s push.Stats, emit func(Sample)) {
	e := emitter{emit, []Label{{"source", name}}}
	statuses := push.Statuses()
	slices.Sort(statuses)
	for _, status := range statuses {
		e.count(httpRequests, s.Requests[status], Label{"status", strconv.Itoa(status)})
	}
	e.count(httpRecords, s.Records)
	e.count(httpBytes, s.Bytes)
	e.count(httpTwice, s.Duplicates)
	e.count(httpOpen, s.Connections)
	e.count(httpRefused, s.Refused)
}
