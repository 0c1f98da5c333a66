package pipeline

// fact is all that counting needs of a record, and nothing that points into the batch: what it adds, with where and when.
type fact struct {
	time int64 // event time, Unix nanoseconds
	amounts

	visit, pair int32 // which of worker.visits and, of the first chain, of worker.pairs; no visit: it is filtered, only its time counts
}

// amounts is what a record adds to each of its series.
type amounts struct {
	duration, upstream, gateway int64 // nanoseconds, record.Absent for none
	requestBytes, responseBytes int64 // record.Absent for none
	client, consumer            uint64

	status int32
	cache  cacheVerdict
	sent   bool // discarding sinks have it
}

type cacheVerdict uint8

const (
	noCache cacheVerdict = iota
	cacheHit
	cacheMiss
	cacheOther
)

func verdictOf(cache []byte) cacheVerdict {
	switch {
	case len(cache) == 0:
		return noCache
	case asciiEqualFold(cache, "hit"):
		return cacheHit
	case asciiEqualFold(cache, "miss"):
		return cacheMiss
	}
	return cacheOther
}

// asciiEqualFold reports whether b is lower, which is in lower case, in any case.
func asciiEqualFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c|0x20 != lower[i] {
			return false
		}
	}
	return true
}
