package loggen

import (
	"math/bits"
	"math/rand/v2"
)

// random draws numbers by integer arithmetic alone, so that they are the same everywhere: processors may fuse or round
// floating point differently.
type random struct{ pcg *rand.PCG }

func newRandom(seed uint64) random { return random{rand.NewPCG(seed, 0x9e3779b97f4a7c15)} }

// below returns a number in [0, n). The bias is under n in 2^64.
func (r random) below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.pcg.Uint64(), n)
	return hi
}

// chance reports true in threshold of 2^32 cases.
func (r random) chance(threshold uint64) bool { return r.pcg.Uint64()>>32 < threshold }

// normal returns a normally distributed number with mean 0 and deviation 1, in units of 2^-16: the sum of twelve uniform
// numbers, which is close up to three deviations and ends at six.
func (r random) normal() int64 {
	sum := uint64(0)
	for range 3 {
		v := r.pcg.Uint64()
		sum += v&0xffff + v>>16&0xffff + v>>32&0xffff + v>>48
	}
	return int64(sum) - 6<<16
}

// logNormal returns a number whose logarithm is normally distributed: half of them are below median, and two of three
// within spread of it, in octaves of 2^-16. It never returns more than most.
func (r random) logNormal(median, spread, most int64) int64 {
	octaves := spread * r.normal() >> 16
	return min(exp2(median, octaves), most)
}

// exp2Sixteenths is 2^(i/16) in units of 2^-30.
var exp2Sixteenths = [17]int64{
	1073741824, 1121280436, 1170923762, 1222764986, 1276901417, 1333434672, 1392470869, 1454120821, 1518500250,
	1585730000, 1655936265, 1729250827, 1805811301, 1885761398, 1969251188, 2056437387, 2147483648,
}

// exp2 returns n times 2^octaves, octaves in units of 2^-16 and at most ten, to within 0.03 %.
func exp2(n, octaves int64) int64 {
	whole, part := octaves>>16, octaves&0xffff
	low, high := exp2Sixteenths[part>>12], exp2Sixteenths[part>>12+1]
	factor := low + (high-low)*(part&0xfff)>>12
	if whole < 0 {
		return n * factor >> 30 >> min(-whole, 62)
	}
	return n * factor >> 30 << min(whole, 10)
}

// zipfSlots is how finely shares are told apart; a power of two.
const zipfSlots = 4096

// zipf returns a table in which item i of n has a share of about 1/(i+1): draw a slot to draw an item.
func zipf(n int) *[zipfSlots]uint16 {
	weights, total := make([]int64, n), int64(0)
	for i := range weights {
		weights[i] = 1_000_000 / int64(i+1)
		total += weights[i]
	}
	table, sum, slot := &[zipfSlots]uint16{}, int64(0), int64(0)
	for i, w := range weights {
		sum += w
		for ; slot < sum*zipfSlots/total; slot++ {
			table[slot] = uint16(i)
		}
	}
	for ; slot < zipfSlots; slot++ {
		table[slot] = uint16(n - 1)
	}
	return table
}
