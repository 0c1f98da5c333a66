package distinct

import (
	"encoding/binary"
	"math"
	"math/bits"
)

const precision = 12 // of the hash's bits name a register

// registers is a HyperLogLog sketch. A register is the highest rank among the hashes that name it: of the other bits of a hash,
// how many zeros there are before the first one, and one more.
//
// The estimate is LogLog-Beta's (Qin, Kim, Tung: LogLog-Beta and More, 2016), which needs no other one for few values. The
// tests hold it against a library's.
type registers [1 << precision]uint8

func (g *registers) add(hash uint64) {
	i := hash >> (64 - precision)
	rank := bits.LeadingZeros64(hash<<precision|1<<(precision-1)) + 1
	g[i] = max(g[i], uint8(rank))
}

// merge takes the higher of each two, eight at once: ranks are less than 128, so a byte's high bit is left for which one that is.
func (g *registers) merge(o *registers) {
	const high = 0x8080808080808080
	for i := 0; i < len(g); i += 8 {
		a, b := binary.LittleEndian.Uint64(g[i:]), binary.LittleEndian.Uint64(o[i:])
		first := ((a | high) - b) & high
		first |= first - first>>7 // all bits of the bytes in which a is at least b
		binary.LittleEndian.PutUint64(g[i:], a&first|b&^first)
	}
}

// estimate returns about how many different hashes were added.
func (g *registers) estimate() int64 {
	const m = float64(len(g))
	sum, zeros := 0.0, 0
	for _, rank := range g {
		sum += halves[rank&63]
		if rank == 0 {
			zeros++
		}
	}
	empty := float64(zeros)
	return int64(0.7213/(1+1.079/m)*m*(m-empty)/(sum+beta(empty)) + 0.5)
}

// halves is ½ to the power of its index.
var halves = func() (t [64]float64) {
	for i := range t {
		t[i] = math.Exp2(float64(-i))
	}
	return t
}()

// beta corrects the estimate where so many registers are still empty.
func beta(empty float64) float64 {
	sum := betas[0] * empty
	log := math.Log(empty + 1)
	for power := 1; power < len(betas); power++ {
		sum += betas[power] * math.Pow(log, float64(power))
	}
	return sum
}

// betas is from the paper's table, for this precision.
var betas = [...]float64{
	-0.384979202588598, 0.183162233114364, 0.130396688841854, 0.0704838927629266,
	-0.0089589397146453, 0.0113010036741605, -0.00194285569591290, 0.000225435774024964,
}
