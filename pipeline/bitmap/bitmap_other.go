//go:build !amd64

package bitmap

// fill fills blocks from as many whole blocks of text.
func fill(blocks []Block, text []byte, find [4]byte) { fillPortable(blocks, text, find) }

// places writes the places of the c'th byte, and up to batch more numbers, to dst.
func places(dst []uint32, blocks []Block, c int) { placesPortable(dst, blocks, c) }
