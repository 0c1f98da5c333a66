//go:build !amd64

package bitmap

func fillPairs(pairs []Pair, text []byte, end byte, find [4]byte) {
	fillPairsPortable(pairs, text, end, find)
}
