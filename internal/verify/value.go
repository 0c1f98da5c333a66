package verify

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/gatemeter/gatemeter/pipeline/distinct"
)

// series is every value of one series in one window.
type series struct {
	requests  int64
	classes   map[string]int64
	codes     map[int]int64
	latency   [3][]int64 // nanoseconds
	sized     [2]int64   // how many had a size
	sizes     [2]int64
	clients   map[string]bool
	consumers map[string]bool
	cache     map[string]int64
}

func newSeries() *series {
	return &series{classes: map[string]int64{}, codes: map[int]int64{}, clients: map[string]bool{}, consumers: map[string]bool{}, cache: map[string]int64{}}
}

func (s *series) add(e *event) {
	s.requests++
	s.classes[classOf(e.status)]++
	if e.status >= 0 {
		s.codes[e.status]++
	}
	for i, n := range e.latency {
		if n >= 0 {
			s.latency[i] = append(s.latency[i], n)
		}
	}
	for i, n := range e.sizes {
		if n >= 0 {
			s.sized[i]++
			s.sizes[i] = plus(s.sizes[i], n)
		}
	}
	if e.client != "" {
		s.clients[e.client] = true
	}
	if e.consumer != "" {
		s.consumers[e.consumer] = true
	}
	if e.cache != "" {
		verdict := strings.ToLower(e.cache)
		if verdict != "hit" && verdict != "miss" {
			verdict = "other"
		}
		s.cache[verdict]++
	}
}

// plus adds numbers that are not negative; past the largest there is it stays there.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// value is what a stat must be.
type value struct {
	want   float64
	within float64 // share of want that it may be off by
	sketch float64 // not 0: what it must be to the last digit besides: an estimate
}

// Bounds within which a value agrees.
const (
	rounding  = 1e-9 // of what is a quotient, or a logarithm
	estimated = 0.1  // of distinct values past exactly: six standard errors of 2^12 registers
	exactly   = 96   // so many distinct values are counted one by one
)

func (v value) agrees(got float64) bool {
	return math.Abs(got-v.want) <= v.within*math.Abs(v.want) && (v.sketch == 0 || got == v.sketch)
}

// each yields the stats of s, as requests.count.
func (s *series) each(percentiles []float64, codes bool, yield func(stat string, v value)) {
	exact := func(stat string, n int64) { yield(stat, value{want: float64(n)}) }
	exact("requests.count", s.requests)
	for _, class := range []string{"1xx", "2xx", "3xx", "4xx", "5xx"} {
		if class != "1xx" || s.classes[class] > 0 {
			exact("requests."+class, s.classes[class])
		}
	}
	if codes {
		for code, n := range s.codes {
			exact("requests."+strconv.Itoa(code), n)
		}
	}
	if n := s.codes[429]; n > 0 {
		exact("throttled.count", n)
	}
	for i, all := range s.latency {
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		name := latencies[i] + "."
		sum := int64(0)
		for _, ns := range all {
			sum = plus(sum, ns)
		}
		lowest, highest := inSeconds(all[0]), inSeconds(all[len(all)-1])
		exact(name+"count", int64(len(all)))
		yield(name+"mean", value{want: float64(sum) / float64(len(all)) / 1e9, within: rounding})
		yield(name+"min", value{want: lowest})
		yield(name+"max", value{want: highest})
		for _, p := range percentiles {
			of := middle(all[rank(p, len(all))-1])
			yield(name+percentileName(p), value{want: min(max(of, lowest), highest), within: rounding})
		}
	}
	for i, name := range sizes {
		if s.sized[i] > 0 {
			exact(name+".sum", s.sizes[i])
		}
	}
	different := func(stat string, set map[string]bool) {
		switch n := len(set); {
		case n > exactly: // the true number bounds the estimate, which is a function of the set
			var sketch distinct.Counter
			for v := range set {
				sketch.Add(distinct.Hash([]byte(v)))
			}
			yield(stat, value{want: float64(n), within: estimated, sketch: float64(sketch.Count())})
		case n > 0:
			exact(stat, int64(n))
		}
	}
	different("clients.distinct", s.clients)
	different("consumers.distinct", s.consumers)
	if len(s.cache) > 0 {
		for _, verdict := range []string{"hit", "miss", "other"} {
			exact("cache."+verdict, s.cache[verdict])
		}
	}
}

func inSeconds(ns int64) float64 { return float64(ns) / 1e9 }

// percentileName returns p99, and p999 for 99.9.
func percentileName(p float64) string {
	return "p" + strings.ReplaceAll(strconv.FormatFloat(p, 'f', -1, 64), ".", "")
}

// rank returns which of n values, by size, is the percentile p: the ⌈p/100·n⌉th, in whole numbers.
func rank(p float64, n int) int {
	share, ok := new(big.Rat).SetString(strconv.FormatFloat(p, 'f', -1, 64))
	if !ok {
		panic("BUG: a percentile that is no number")
	}
	share.Mul(share, big.NewRat(int64(n), 100))
	whole, rest := new(big.Int).QuoRem(share.Num(), share.Denom(), new(big.Int))
	k := int(whole.Int64())
	if rest.Sign() > 0 {
		k++
	}
	return min(max(k, 1), n)
}

// middle returns the geometric middle, in seconds, of the bucket that a latency is counted in: of those that part each power of
// two of seconds into 32, the lower bound excluded.
func middle(ns int64) float64 {
	if ns == 0 {
		return 0
	}
	v := inSeconds(ns)
	i := math.Ceil(math.Log2(v)*32) - 1
	for v <= math.Exp2(i/32) { // the logarithm is rounded
		i--
	}
	for v > math.Exp2((i+1)/32) {
		i++
	}
	return math.Exp2((i + 0.5) / 32)
}
