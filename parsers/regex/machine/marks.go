package machine

import (
	"math/bits"
	"slices"
)

// maxWords bounds the memory of marks: 1 MiB.
const maxWords = 128 << 10

// marks are where in a line instructions have been. Of each instruction that has marks they are a row of bits, one for each place in
// the line and one for its end. Rows get their memory when their instruction is first come to: most alternatives never are.
type marks struct {
	words []uint64
	rows  []row
	each  int    // words in a row
	line  uint64 // counts lines
	used  int    // words
}

type row struct {
	line uint64 // for which it has been made
	at   int    // in words
}

// restart forgets the line before. The next has n bytes.
func (m *marks) restart(rows, n int) {
	if m.rows == nil {
		m.rows = make([]row, rows)
	}
	m.line++
	m.each, m.used = n/64+1, 0
}

// row returns a row; nil when it would take more memory than there may be.
func (m *marks) row(i int32) []uint64 {
	if r := &m.rows[i]; r.line == m.line {
		return m.words[r.at : r.at+m.each]
	}
	return m.newRow(i)
}

func (m *marks) newRow(i int32) []uint64 {
	at := m.used
	if at+m.each > maxWords {
		return nil
	}
	m.used += m.each
	if m.used > len(m.words) {
		m.words = slices.Grow(m.words, m.used-len(m.words))
		m.words = m.words[:min(cap(m.words), maxWords)]
	}
	m.rows[i] = row{m.line, at}
	clear(m.words[at:m.used])
	return m.words[at:m.used]
}

// sweep goes over the bytes of set from line[from] on, as far as they go and nobody has been, and marks where it was and where it
// came to. It reports where that is, and whether it was free.
func sweep(row []uint64, set *set, line []byte, from int) (to int, free bool) {
	for at := from; ; {
		word, bit := &row[at>>6], at&63
		taken := *word >> bit
		limit := min(at+bits.TrailingZeros64(taken), at|63+1, len(line))
		to := set.span(line, at, limit)
		*word |= (2<<(to-at) - 1) << bit // from at to `to`, or as far as the word goes
		switch {
		case taken&1 != 0, to < limit:
			return to, taken&1 == 0
		case to == len(line) && to>>6 == at>>6:
			return to, taken>>(to-at)&1 == 0
		}
		at = to
	}
}
