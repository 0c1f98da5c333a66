package admin

import (
	"time"

	"github.com/gatemeter/gatemeter/sources/kafka"
)

var (
	kafkaMember      = metric{"gatemeter_kafka_member", "1 while this process is a member of the group, 0 while it is not.", Gauge}
	kafkaGenerations = metric{"gatemeter_kafka_generations_total", "Generations of the group that this process was in: rebalances.", Counter}
	kafkaExpelled    = metric{"gatemeter_kafka_expulsions_total", "Times the group went on without this process.", Counter}
	kafkaCommits     = metric{"gatemeter_kafka_commits_total", "Offsets committed.", Counter}
	kafkaRefused     = metric{"gatemeter_kafka_refused_commits_total", "Commits that came when the partition had another owner, and changed nothing.", Counter}
	kafkaLost        = metric{"gatemeter_kafka_lost_messages_total", "Offsets that were not read, by reason.", Counter}
	kafkaAborted     = metric{"gatemeter_kafka_aborted_messages_total", "Messages of transactions that were given up: they are not read.", Counter}
	kafkaFailures    = metric{"gatemeter_kafka_fetch_failures_total", "Attempts to fetch that failed.", Counter}
	kafkaRestarts    = metric{"gatemeter_kafka_fetch_restarts_total", "Times connections were made anew because nothing came of what was there.", Counter}

	kafkaLag        = metric{"gatemeter_kafka_lag_messages", "Offsets that are there and not read.", Gauge}
	kafkaLagSeconds = metric{"gatemeter_kafka_lag_seconds", "Age of the newest message read, while there are more; 0 when all is read.", Gauge}
	kafkaOffset     = metric{"gatemeter_kafka_read_offset", "Offset after what has been read.", Gauge}
	kafkaCommitted  = metric{"gatemeter_kafka_committed_offset", "Offset that the group has: a restart goes on from there.", Gauge}
)

// Kafka emits what the Kafka source called name says of itself.
func Kafka(name string, s kafka.Stats, now time.Time, emit func(Sample)) {
	e := emitter{emit, []Label{{"source", name}}}
	member := int64(0)
	if s.Member {
		member = 1
	}
	e.count(kafkaMember, member)
	e.count(kafkaGenerations, s.Generations)
	e.count(kafkaExpelled, s.Expelled)
	e.count(kafkaCommits, s.Commits)
	e.count(kafkaRefused, s.Refused)
	t := s.Total()
	e.count(kafkaLost, t.Lost, Label{"reason", "removed"})
	e.count(kafkaLost, t.Corrupt, Label{"reason", "corrupt"})
	e.count(kafkaAborted, t.Aborted)
	e.count(kafkaFailures, t.Failures)
	e.count(kafkaRestarts, t.Restarts)
	for i := range s.Partitions {
		p := &s.Partitions[i]
		e := emitter{emit, []Label{{"source", name}, {"partition", p.Name}}}
		e.count(kafkaOffset, p.Next)
		e.count(kafkaCommitted, p.Committed)
		if p.High < 0 {
			continue // not known yet
		}
		e.count(kafkaLag, p.Lag())
		seconds := int64(0)
		if p.Lag() > 0 && p.Newest > 0 {
			seconds = max(0, int64(now.Sub(time.UnixMilli(p.Newest))/time.Second))
		}
		e.count(kafkaLagSeconds, seconds)
	}
}
