package distinct

import (
	"math"

	"github.com/axiomhq/hyperloglog"
)

const (
	registers = 1 << precision
	header    = 8 // bytes before the registers, in the binary form of a sketch that is not sparse
)

// estimate returns sketch.Estimate, which raises two to a power for each register: that took a twelfth of the time that Kong's lines take in
// all. Here registers are counted by their values, of which there are few, as the sketch's binary form gives them. The formula is
// LogLog-Beta's (Qin, Kim, Tung 2016), with its constants for 2^12 registers.
func estimate(sketch *hyperloglog.Sketch) int64 {
	var room [header + registers]byte
	b, err := sketch.AppendBinary(room[:0])
	if err != nil || len(b) != len(room) {
		return int64(sketch.Estimate())
	}
	var counts [4][64]uint16 // four, as counting one value waits for the count before
	for r := b[header:]; len(r) >= 4; r = r[4:] {
		counts[0][r[0]&63]++
		counts[1][r[1]&63]++
		counts[2][r[2]&63]++
		counts[3][r[3]&63]++
	}
	sum, zeros := 0.0, 0.0
	for value := range counts[0] {
		n := float64(counts[0][value]) + float64(counts[1][value]) + float64(counts[2][value]) + float64(counts[3][value])
		if value == 0 {
			zeros = n
		}
		sum += n * math.Float64frombits(uint64(1023-value)<<52)
	}
	const alpha = 0.7213 / (1 + 1.079/registers)
	z := math.Log(zeros + 1)
	beta := -0.384979202588598 * zeros
	for i, c := range [...]float64{
		0.183162233114364, 0.130396688841854, 0.0704838927629266, -0.0089589397146453, 0.0113010036741605, -0.00194285569591290, 0.000225435774024964,
	} {
		beta += c * math.Pow(z, float64(i+1))
	}
	return int64(alpha*registers*(registers-zeros)/(sum+beta) + 0.5)
}
