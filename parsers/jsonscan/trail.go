package jsonscan

import "encoding/binary"

// Trail is a tree of keys, and what lines were like in which they were looked for: a gateway writes the same keys in the same order,
// line after line, and what stands between two values of a line often is, byte for byte, what stood there in a line before. Such
// a piece, `","size":`, is a step. Where a step is known that came next before, its bytes are compared, and then it is known what
// the value behind it is of: nothing is looked for and nothing decided. Where none is, the line is read by the rules up to the next
// value (walk.go), and what was read is a step if it has been seen twice.
//
// What a step means depends on its bytes and on the place before it alone. So nothing that is read depends on the lines before.
//
// A Trail is used by one goroutine. It has at most maxSteps steps, and is begun anew when it has them and they are of little use.
type Trail struct {
	tree  *Tree
	start step
	steps []step              // not in use
	n     int                 // in use
	table [2 * maxSteps]*step // by hash
	seen  [128]uint64         // a bit for each hash of what has been seen once
	once  int                 // how many of them are set
	vain  int                 // how often all steps were in use and another one was wanted
}

const (
	maxSteps  = 512
	maxText   = 96
	maxVain   = 64 * maxSteps
	allot     = 32
	maxOnce   = 128 * 64 / 8
	maxMisses = 32 // in a line: of a line with more, nothing further is looked for on the trail, or learned
	probes    = 8  // a step is at most so far behind the place its hash tells
)

// step is what stands between two values: the end of the first when that is a string, ends and beginnings of containers, a key, and the
// beginning of the second when that is a string. Or it is what stands behind the last.
type step struct {
	words [4]uint64 // its first 32 bytes
	ids   uint64    // what is taken, a bit for each, and nobody when it is odd or longer than words
	n     uint8     // bytes
	mask  uint32    // which of words they are
	kind  Kind      // of the value behind it: String, anyOther, or Nothing at the end
	id    uint8     // of that value, 0 when it is not wanted
	odd   bool      // there is more to do, see effects
	next  [4]*step  // what came behind it, the last one first

	// For effects.
	container     uint8 // ID of a container that begins in it and has a Value, 0: none
	containerKind Kind
	containerAt   uint8
	list          *branch // an array of which an object begins

	text   []byte
	before place
	behind place
}

// anyOther is the kind of a number, a boolean or null.
const anyOther Kind = Number

// NewTrail returns a trail on which nothing has gone yet.
func NewTrail(tree *Tree) *Trail {
	t := &Trail{tree: tree}
	t.start.behind.in = &tree.root
	t.start.kind = anyOther
	return t
}

// is reports whether the step is what stands at i.
func (p *step) is(data []byte, i int) bool {
	if len(data)-i < 32 {
		n := int(p.n)
		return len(data)-i >= n && string(data[i:i+n]) == string(p.text)
	}
	b, m := (*[32]byte)(data[i:]), &masks[p.n]
	x := (binary.LittleEndian.Uint64(b[0:])^p.words[0])&m[0] | (binary.LittleEndian.Uint64(b[8:])^p.words[1])&m[1] |
		(binary.LittleEndian.Uint64(b[16:])^p.words[2])&m[2] | (binary.LittleEndian.Uint64(b[24:])^p.words[3])&m[3]
	return x == 0 && (p.n <= 32 || len(data)-i >= int(p.n) && string(data[i+32:i+int(p.n)]) == string(p.text[32:]))
}

// masks is, for each number of bytes, which of 32 they are. It is never written.
var masks = func() (masks [256][4]uint64) {
	for n := range masks {
		for i := range min(n, 32) {
			masks[n][i/8] |= 0xFF << (i % 8 * 8)
		}
	}
	return masks
}()

// effects does what is odd about a step at hand.
func (w *walk) effects(p *step) {
	if p.container != 0 {
		w.values[p.container] = Value{Kind: p.containerKind, Start: int32(w.i + int(p.containerAt))}
	}
	if p.list != nil {
		w.anew(p.list)
	}
}

// turn looks among the steps that have come next for the one at hand, makes it the first, and reports whether there is one.
func (w *walk) turn() bool {
	at := w.at
	w.misses++
	for k := 1; k < len(at.next) && at.next[k] != nil; k++ {
		next := at.next[k]
		if !next.is(w.data, w.i) || w.taken&next.ids&^nobody != 0 {
			continue
		}
		if _, _, ok := valueAt(w.data, w.i+int(next.n), next.kind); ok {
			copy(at.next[1:], at.next[:k])
			at.next[0] = next
			return true
		}
	}
	return false
}

// off reads on off the trail, until it is on it again, and returns true then. Otherwise it returns whether the line is complete.
func (w *walk) off(t *Trail) (on, complete bool) {
	at := w.at
	w.place = at.behind
	for {
		before, i := w.place, w.i
		if !w.onward() {
			return false, false
		}
		if w.misses++; w.misses > maxMisses {
			if w.step.kind == Nothing {
				return false, true
			}
			continue
		}
		next := t.find(w.data[i:][:w.step.n], before, w)
		if next != nil && at != nil {
			at.follow(next)
		}
		if w.step.kind == Nothing {
			return false, true
		}
		if next != nil {
			w.at = next
			return true, false
		}
		at = nil
	}
}

// follow notes that next came behind p.
func (p *step) follow(next *step) {
	for _, known := range p.next {
		if known == next {
			return
		}
	}
	copy(p.next[1:], p.next[:])
	p.next[0] = next
}

// find returns the step that w has just read, nil when it is not on the trail.
func (t *Trail) find(text []byte, before place, w *walk) *step {
	if w.once {
		return nil
	}
	h := hash(text, &before)
	slot := h >> 40 % uint64(len(t.table)-probes)
	for end := slot + probes; t.table[slot] != nil; {
		if p := t.table[slot]; p.before == before && string(p.text) == string(text) {
			return p
		}
		if slot++; slot == end {
			return nil
		}
	}
	if t.n == maxSteps {
		if t.vain++; t.vain > maxVain {
			*t = *NewTrail(t.tree)
		}
		return nil
	}
	if seen, bit := &t.seen[h>>6%uint64(len(t.seen))], uint64(1)<<(h%64); *seen&bit == 0 {
		if t.once++; t.once > maxOnce {
			t.seen, t.once = [len(t.seen)]uint64{}, 0
		}
		*seen |= bit
		return nil
	}
	p := t.learn(text, before, w)
	t.table[slot] = p
	return p
}

// learn adds the step that w has just read.
func (t *Trail) learn(text []byte, before place, w *walk) *step {
	if len(t.steps) == 0 {
		t.steps = make([]step, allot)
	}
	p := &t.steps[0]
	t.steps = t.steps[1:]
	t.n++
	*p = w.step
	p.before, p.text = before, append([]byte(nil), text...)
	p.mask = uint32(1<<min(len(text), 32) - 1)
	if p.odd || len(text) > 32 {
		p.ids |= nobody
	}
	for i, c := range text[:min(len(text), 32)] {
		p.words[i/8] |= uint64(c) << (i % 8 * 8)
	}
	return p
}

// hash returns a number of what a step is told by.
func hash(text []byte, before *place) uint64 {
	const factor = 0x9E3779B97F4A7C15
	h := (uint64(before.in.number)<<16 | uint64(before.depth)<<8 | uint64(before.after)) ^ before.below*factor
	for len(text) >= 8 {
		h = (h ^ binary.LittleEndian.Uint64(text)) * factor
		h ^= h >> 32
		text = text[8:]
	}
	for _, c := range text {
		h = h<<8 ^ h>>56 ^ uint64(c)
	}
	h *= factor
	return h ^ h>>29
}
