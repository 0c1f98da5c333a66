// Package push is the source that others post logs to by HTTP: Kong's http-log, Fluent Bit, Vector, Amazon Data Firehose, and
// whatever sends lines or JSON.
//
//	request ─▶ allowed? ─▶ body, decompressed within bounds ─▶ records ─▶ spool ─▶ 200
//	                                                                        └─▶ spool.Source ─▶ pipeline
//
// A request is answered with 200 only when its records are in the spool, all of them, in one group. So a sender that tries again
// until it gets 200 loses nothing; and where a request can be told to be one sent before, by an id or by its bytes, the group's
// key keeps it from being stored twice, also when the process was killed between the append and the answer.
//
// Requests share what they may take of memory (Source.reserve); one that finds none left is answered with 429.
package push
