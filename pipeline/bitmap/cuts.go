package bitmap

// MaxCuts is how many cuts of a line are found; of a line with more, not all are.
const MaxCuts = 192

// CutsLen is how long a list of cuts has to be: cuts are looked for 64 bytes at a time, and written four at a time.
const CutsLen = MaxCuts + 64 + spare

// spare is how many numbers may be written behind the last cut.
const spare = 4

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
	if len(line) < 64 || !QuickCuts() {
		return otherCuts(at, line)
	}
	return cutsQuickly(at, line)
}

// otherCuts is Cuts for any line.
func otherCuts(at []uint32, line []byte) (n int, seen Seen) {
	var padded [64]byte
	if len(line) < len(padded) {
		copy(padded[:], line)
		line = padded[:]
	}
	if QuickCuts() {
		return cutsQuickly(at, line)
	}
	return cutsPortable(at, line)
}
