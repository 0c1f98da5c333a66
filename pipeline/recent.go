package pipeline

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/pipeline/route"
)

// recent finds the series of records like ones seen before, without making their routes and keys: by the shapes of their paths. It
// stands before the dictionary. Each series has a place that follows from what it is looked up by; what else falls there takes the
// place. So whoever writes lines that all meet in one has them looked up as if it were not there.
type recent struct {
	key    route.Key
	seed   uint64
	places []place // a power of two of them
	shift  uint    // of a hash, to get a place

	any     bool // a chain is quick
	records [ChunkLines]shaped
}

// shaped is what is known of a record at hand.
type shaped struct {
	ok    bool // it has a shape
	hash  uint64
	shape route.Shape
}

// How many places there are, as powers of two: at first, and for a log of many series. Those take 2 MB.
const (
	fewPlaces  = 10
	manyPlaces = 14
)

// place is a series and one of the shapes of its route.
type place struct {
	series          *series
	service, method string // of series.key
	shape           route.Shape
}

func newRecent(seed maphash.Seed, chains []*chain) *recent {
	k := &recent{seed: maphash.String(seed, "places")}
	for _, c := range chains {
		k.any = k.any || c.quick
	}
	k.resize(fewPlaces)
	for i := 0; i < len(k.key); i += 8 {
		binary.LittleEndian.PutUint64(k.key[i:], maphash.Bytes(seed, k.key[:i]))
	}
	return k
}

// resize makes 1<<bits places, all of them empty.
func (k *recent) resize(bits uint) { k.places, k.shift = make([]place, 1<<bits), 64-bits }

// fit sees to it that so many series mostly have a place each; places never become fewer. Call it between tasks.
func (k *recent) fit(series int) {
	if k.any && 2*series > len(k.places) && len(k.places) < 1<<manyPlaces {
		k.resize(manyPlaces)
	}
}

// clear forgets all series.
func (k *recent) clear() { clear(k.places) }

// find returns the series of r in c, if it is known, and the place for it.
func (k *recent) find(c *chain, at *shaped, r *record.Record) (*series, *place) {
	hash := at.hash ^ k.seed
	if c.services {
		hash += mix(prefix(r.Service) + uint64(len(r.Service)))
	}
	if c.methods {
		hash ^= mix(prefix(r.Method))
	}
	p := &k.places[mix(hash)>>k.shift]
	if p.series == nil || p.series.chain != c || p.shape != at.shape ||
		c.services && string(r.Service) != p.service || c.methods && string(r.Method) != p.method {
		return nil, p
	}
	return p.series, p
}

// put gives s, of that shape, the place.
func (p *place) put(s *series, shape *route.Shape) {
	p.series, p.shape = s, *shape
	key := s.key[1:]
	for _, d := range s.chain.dims { // see appendKeyPart
		n := 2 + int(key[0]) + int(key[1])<<8
		switch d {
		case Service:
			p.service = key[2:n]
		case Method: // of a garbled one it is not what the record has, so that it is not found
			if p.method = key[2:n]; p.method == noValue {
				p.method = "" // as the record has none; of one that has this text the method is otherValue
			}
		}
		key = key[n:]
	}
}

// mix spreads a word's bits over all of it.
func mix(x uint64) uint64 {
	hi, lo := bits.Mul64(x, 0x9E3779B97F4A7C15)
	return hi ^ lo
}

// prefix returns the first bytes of b, at most eight, or less when nothing is behind it in memory.
func prefix(b []byte) uint64 {
	if cap(b) >= 8 {
		return binary.LittleEndian.Uint64(b[:8]) & (1<<(8*min(len(b), 8)) - 1)
	}
	if len(b) > 0 {
		return uint64(b[0])
	}
	return 0
}

// seriesOf returns the series that r, the i'th of the chunk, belongs to in c. Its shape is set.
func (w *worker) seriesOf(c *chain, i int, r *record.Record) *series {
	at := &w.recent.records[i]
	var p *place
	if c.quick && at.ok {
		var s *series
		if s, p = w.recent.find(c, at, r); s != nil {
			return s
		}
	}
	if c.routes && len(r.Route) == 0 {
		w.makeRoute(r)
	}
	s := w.series.of(c, r)
	if p != nil {
		p.put(s, &at.shape)
	}
	return s
}

// setShape sets the shape of the route of r, the i'th of the chunk. The route is made where its shape does not follow from the path.
func (w *worker) setShape(i int, r *record.Record) {
	k := w.recent
	if !k.any {
		return
	}
	at := &k.records[i]
	if len(r.Route) == 0 {
		if at.hash, at.ok = w.pipeline.set.Routes.Set(&at.shape, pathOf(r), &k.key); at.ok {
			return
		}
		w.makeRoute(r)
	}
	at.hash, at.ok = at.shape.SetRoute(r.Route, &k.key)
}
