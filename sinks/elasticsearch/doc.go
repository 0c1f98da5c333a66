// Package elasticsearch stores records in Elasticsearch, each under an id made of its partition and offset, so that a record
// sent twice is stored once.
//
// How a body travels: the workers encode records with Append into bulk format and hand them over with Submit, which blocks
// while too many bytes are held. The queue (queue.go) packs bodies into requests without copying them: a request is a list
// of spans, consecutive documents of one body. One goroutine, the dispatcher (sink.go), starts a sender for each request as
// far as the concurrency limit and pauses after failures allow. A sender (send.go) makes one attempt and says how it went
// (answer.go): the request as a whole may have to be sent again, or be cut in half; else each document is stored, was
// stored before, is to be sent again, or is refused for good and becomes a dead letter. Settling that (settle.go) returns the
// documents to be sent again to the queue as new spans and calls Done of each body that has none left.
//
// All state is under one lock, Sink.mu, so that the counters always add up. Done, dead letters and requests are dealt with
// outside it.
//
// Before the first request the dispatcher installs the index template (setup.go), again and again until that works.
package elasticsearch
