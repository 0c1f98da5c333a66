// Package histogram counts lengths of time in exponential buckets: 32 to each power of two, so that a quantile is off by less
// than 1.1 %. It is the OpenTelemetry exponential histogram (and the Prometheus native one) of scale 5: bucket i holds the
// values v, in seconds, with 2^(i/32) < v <= 2^((i+1)/32). Count, sum, minimum and maximum are exact beside it.
//
// Histograms form a commutative monoid under Merge: neither the order of values nor how they were spread over histograms
// changes anything.
package histogram

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// Scale is the histogram's resolution in OpenTelemetry's terms: 2^Scale buckets a power of two.
const Scale = 5

const (
	perOctave = 1 << Scale
	chunk     = 16 // buckets are made in multiples of this, so that a growing range is copied seldom
)

// Histogram is a distribution of lengths of time. The zero value is empty and ready. It is used by one goroutine.
//
// The buckets of the first values are listed. Room for each bucket between the lowest and the highest there is only when they are more: most
// series of a log with thousands have few values in a window.
type Histogram struct {
	count, zeros  int64
	sum, min, max int64 // nanoseconds
	listed        [maxListed]int16
	first         int32     // index of counts[0], a multiple of chunk, as is len(counts)
	counts        []uint8   // modulo 256: those of more series stay near the processor
	high          *[]uint32 // what counts has no bits for, in 256; as long as counts, or nil while all is 0
}

// maxListed is how many values that are not 0 are listed. Then counts is empty.
const maxListed = 10

// Add counts one value of ns nanoseconds; a negative one is taken as 0.
func (h *Histogram) Add(ns int64) {
	if ns < 0 {
		ns = 0
	}
	if h.count == 0 {
		h.min, h.max = ns, ns
	} else {
		h.min, h.max = min(h.min, ns), max(h.max, ns)
	}
	h.count++
	h.sum = Plus(h.sum, ns)
	if ns == 0 {
		h.zeros++
		return
	}
	i := Index(ns)
	at := i - int(h.first)
	if uint(at) >= uint(len(h.counts)) {
		h.put(h.count-h.zeros-1, i)
		return
	}
	h.increment(at)
}

// increment adds one to counts[at].
func (h *Histogram) increment(at int) {
	n := &h.counts[at]
	if *n++; *n == 0 {
		h.carry(at, 1)
	}
}

// put counts a value of bucket i. Before it there are so many others.
func (h *Histogram) put(others int64, i int) {
	if len(h.counts) == 0 {
		if others < maxListed {
			h.listed[others] = int16(i)
			return
		}
		h.spread(others, i, i)
	}
	h.cover(i, i)
	h.increment(i - int(h.first))
}

// spread counts the n values that are listed, in buckets with room for those from lo to hi too.
func (h *Histogram) spread(n int64, lo, hi int) {
	for _, i := range h.listed[:n] {
		lo, hi = min(lo, int(i)), max(hi, int(i))
	}
	h.cover(lo, hi)
	for _, i := range h.listed[:n] {
		h.counts[int(i)-int(h.first)]++
	}
}

// carry adds 256 times n to counts[at].
func (h *Histogram) carry(at int, n uint32) {
	if h.high == nil {
		high := make([]uint32, len(h.counts))
		h.high = &high
	}
	(*h.high)[at] += n
}

// Merge adds all that o counted. o is not changed.
func (h *Histogram) Merge(o *Histogram) {
	if o.count == 0 {
		return
	}
	if h.count == 0 {
		h.min, h.max = o.min, o.max
	} else {
		h.min, h.max = min(h.min, o.min), max(h.max, o.max)
	}
	mine := h.count - h.zeros
	h.count += o.count
	h.zeros += o.zeros
	h.sum = Plus(h.sum, o.sum)
	if len(o.counts) == 0 {
		for k, i := range o.listed[:o.count-o.zeros] {
			h.put(mine+int64(k), int(i))
		}
		return
	}
	first := int(o.first)
	if len(h.counts) == 0 {
		h.spread(mine, first, first+len(o.counts)-1)
	} else {
		h.cover(first, first+len(o.counts)-1)
	}
	shift := first - int(h.first)
	h.addCounts(shift, o.counts)
	if o.high == nil {
		return
	}
	for i, n := range *o.high {
		if n > 0 {
			h.carry(shift+i, n)
		}
	}
}

// addCounts adds counts to those from h.counts[shift] on, eight at a time where none comes to more than seven bits.
func (h *Histogram) addCounts(shift int, counts []uint8) {
	const tops = 0x8080808080808080
	into := h.counts[shift:][:len(counts)]
	for i := 0; i+8 <= len(counts); i += 8 {
		theirs := binary.LittleEndian.Uint64(counts[i:])
		if theirs == 0 {
			continue
		}
		mine := binary.LittleEndian.Uint64(into[i:])
		if sum := mine + theirs; (mine|theirs)&tops == 0 {
			binary.LittleEndian.PutUint64(into[i:], sum)
			continue
		}
		for k, n := range counts[i : i+8] {
			sum := uint(into[i+k]) + uint(n)
			into[i+k] = uint8(sum)
			if sum > math.MaxUint8 {
				h.carry(shift+i+k, 1)
			}
		}
	}
}

// Plus returns a+b for numbers that are not negative, math.MaxInt64 when that is too large: so long a sum stays a sum of
// something, and is the same in any order.
func Plus(a, b int64) int64 {
	if s := a + b; s >= 0 {
		return s
	}
	return math.MaxInt64
}

// Reset empties h and keeps its memory, if it was of use.
func (h *Histogram) Reset() {
	var counts []uint8
	if len(h.counts) > 0 {
		counts = h.counts[:0]
	}
	*h = Histogram{counts: counts}
}

// Count returns how many values there are.
func (h *Histogram) Count() int64 { return h.count }

// Sum returns the sum of all values in nanoseconds, at most math.MaxInt64 (292 years).
func (h *Histogram) Sum() int64 { return h.sum }

// Min returns the smallest value in nanoseconds, 0 when there is none.
func (h *Histogram) Min() int64 { return h.min }

// Max returns the largest value in nanoseconds, 0 when there is none.
func (h *Histogram) Max() int64 { return h.max }

// Zeros returns how many values were 0: they have a bucket of their own.
func (h *Histogram) Zeros() int64 { return h.zeros }

// Quantile returns the value, in seconds, at or below which the share q of all values lies (the nearest rank: of n values
// the ⌈q·n⌉th smallest), off by at most 1.09 % and never outside [Min, Max]. It returns 0 when there is no value.
func (h *Histogram) Quantile(q float64) float64 {
	var v [1]float64
	return h.AppendQuantiles(v[:0], q)[0]
}

// AppendQuantiles appends the Quantile of each of shares to dst. It is quickest when they ascend: then it looks at each bucket once.
func (h *Histogram) AppendQuantiles(dst []float64, shares ...float64) []float64 {
	few := h.listed
	if len(h.counts) == 0 {
		slices.Sort(few[:h.count-h.zeros])
	}
	last, seen, i := int64(0), h.zeros, 0 // seen values are 0, or in buckets before i
	for _, q := range shares {
		if h.count == 0 {
			dst = append(dst, 0)
			continue
		}
		// 0.999 is a little more than 999/1000: without the small change, 1000 values would have their last for it.
		rank := int64(math.Ceil(q*float64(h.count) - 1e-6))
		rank = min(max(rank, 1), h.count)
		if rank <= h.zeros {
			dst = append(dst, 0)
			continue
		}
		if len(h.counts) == 0 {
			dst = append(dst, h.inRange(int(few[rank-h.zeros-1])))
			continue
		}
		if rank < last {
			seen, i = h.zeros, 0
		}
		for last = rank; seen < rank; i++ {
			if i == len(h.counts) {
				panic("BUG: a histogram's buckets hold fewer values than its count")
			}
			seen += h.inBucket(i)
		}
		// The rank is in bucket i-1, for seen has come to it there.
		dst = append(dst, h.inRange(int(h.first)+i-1))
	}
	return dst
}

// inBucket returns how many values counts[at] stands for.
func (h *Histogram) inBucket(at int) int64 {
	n := int64(h.counts[at])
	if h.high != nil {
		n += int64((*h.high)[at]) << 8
	}
	return n
}

// inRange returns the middle of bucket i, or the smallest or largest value where it is outside.
func (h *Histogram) inRange(i int) float64 {
	return min(max(middle(i), seconds(h.min)), seconds(h.max))
}

// middle returns the geometric middle of bucket i, in seconds: it is off by the same factor, 2^(1/64), at either end.
func middle(i int) float64 {
	if at := i - firstMiddle; uint(at) < uint(len(middles)) {
		return middles[at]
	}
	return math.Exp2((float64(i) + 0.5) / perOctave)
}

// middles are the middles of buckets from a microsecond to some hours.
var middles = makeMiddles()

const firstMiddle = -20 * perOctave

func makeMiddles() (m [35 * perOctave]float64) {
	for i := range m {
		m[i] = math.Exp2((float64(firstMiddle+i) + 0.5) / perOctave)
	}
	return m
}

// cover makes room for the buckets lo to hi, both included.
func (h *Histogram) cover(lo, hi int) {
	if first := int(h.first); len(h.counts) > 0 {
		if lo >= first && hi < first+len(h.counts) {
			return
		}
		lo, hi = min(lo, first), max(hi, first+len(h.counts)-1)
	}
	lo = lo &^ (chunk - 1)
	n := (hi - lo + chunk) &^ (chunk - 1)
	old, shift := h.counts, int(h.first)-lo
	if cap(old) < n {
		h.counts = make([]uint8, n)
		if len(old) > 0 {
			copy(h.counts[shift:], old)
		}
	} else {
		h.counts = old[:n]
		clear(h.counts[len(old):])
		if len(old) > 0 && shift > 0 {
			copy(h.counts[shift:], old)
			clear(h.counts[:shift])
		}
	}
	h.first = int32(lo)
	if h.high != nil {
		high := make([]uint32, n)
		copy(high[shift:], *h.high)
		h.high = &high
	}
}

// Index returns the bucket of a value of ns > 0 nanoseconds, without a logarithm: the power of two is the float's exponent,
// and the place within it comes from a table of where the 32 bounds lie among the mantissas.
func Index(ns int64) int {
	float := math.Float64bits(seconds(ns))
	exponent := int(float>>52) - 1023
	mantissa := float & (1<<52 - 1)
	if mantissa == 0 {
		return exponent<<Scale - 1 // a power of two is the upper bound of the bucket below
	}
	k := int(guess[mantissa>>(52-guessBits)])
	_, above := bits.Sub64(bounds[k+1], mantissa, 0) // one more; a branch would be guessed wrong half of the time
	return exponent<<Scale + k + int(above)
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

// guessBits of the mantissa name a stretch so short that at most one bound lies in it.
const guessBits = 7

var (
	bounds = makeBounds()
	guess  = makeGuess()
)

// makeBounds returns the mantissas of 2^(k/32), k = 0 … 32; the last is past any mantissa.
func makeBounds() (b [perOctave + 1]uint64) {
	for k := range perOctave {
		b[k] = math.Float64bits(math.Exp2(float64(k)/perOctave)) & (1<<52 - 1)
	}
	b[perOctave] = 1 << 52
	return b
}

// makeGuess returns, for each stretch of mantissas, the last bound below or at its start.
func makeGuess() (g [1 << guessBits]uint8) {
	b := makeBounds()
	for i := range g {
		start := uint64(i) << (52 - guessBits)
		for k := range perOctave {
			if b[k] <= start {
				g[i] = uint8(k)
			}
		}
	}
	return g
}
