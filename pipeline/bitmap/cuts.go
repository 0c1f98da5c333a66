package bitmap

// MaxCuts is how many cuts of a line are found; of a line with more, not all are.
const MaxCuts = 192

// CutsLen is how long a list of cuts has to be.
const CutsLen = MaxCuts + 64 + batch

// Seen is a set of bytes.
type Seen uint32

// The sets.
const (
	Question  Seen = 1 << iota // ?
	Equals                     // =
	Backslash                  // \
	Encoding                   // % or {
)

// Cuts finds the places in a line of text at which its fields may end: the double quotes, and the spaces that do not stand
// between an opening and a closing one. Any quote is one, also behind a backslash. The first n of at, whose length is at
// least CutsLen, are the places in their order; what is written behind them means nothing.
//
// n is more than MaxCuts when there are more than are looked for. Else seen is what else stands in the line.
func Cuts(at []uint32, line []byte) (n int, seen Seen) {
	at = at[:CutsLen]
	if len(line) >= 64 {
		return cuts(at, line)
	}
	var padded [64]byte
	copy(padded[:], line)
	return cuts(at, padded[:])
}
