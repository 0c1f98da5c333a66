// Package kafka reads the topics of an Apache Kafka cluster as a member of a consumer group.
//
// # How it is made
//
// Membership is kafka-go's ConsumerGroup: a Generation is the time during which this process has a fixed set of partitions.
// For each generation (generation.go) there is a heartbeat of our own (lease.go), because kafka-go does not tell when the last one
// succeeded, and a fetcher for each partition (fetcher.go). A partition is a batch.Partition anew in each generation: who gets it
// begins with the cursor that the one before left in the metadata of the committed offset (assign.go, commit.go).
//
// When a generation ends, the fetchers stop, and the last batch of each partition says Revoked: the pipeline sends what is
// due and saves the cursor, while commits still go to the ending generation; only then is the next one joined (revoke.go). In an ordinary stop
// nothing is revoked: Run returns, the pipeline finishes, and Close leaves the group.
//
// # Why the bytes of a fetch are read here
//
// kafka-go's Reader and Conn check no CRC and deliver aborted records and transaction markers; its Client.Fetch hides the list
// of aborted transactions and does not see that a batch has no records left. So fetch.go writes and reads the Fetch request itself,
// over a connection of kafka-go's Transport, which finds leaders and does TLS and SASL. recordbatch.go and record.go walk over the
// answer without a copy, fill.go makes batches of it. The same way goes the Heartbeat, which kafka-go's Client sends to any
// broker instead of the coordinator.
//
// # Offsets
//
// A message's offset is that of its line. A message may hold several records (package envelope): they have the same offset and
// stay in one batch. Offsets that no message has (transaction markers, aborted and compacted messages) lie between lines, or are
// stretches without any, so that each batch begins where the one before ends.
package kafka
