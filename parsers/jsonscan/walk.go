package jsonscan

import "math/bits"

// place is where in an object a reading is, of which a value is the last that was read.
type place struct {
	in    *branch // the innermost container in which keys are wanted
	below uint64  // the containers in that, in which none are: a bit for each, 1 for an object, the innermost lowest
	depth int32   // how many those are
	after after
}

// after is what has been read last.
type after uint8

const (
	start      after = iota // the beginning of the whole object
	afterText               // a string, up to its last quote
	afterValue              // a number, boolean or null
)

// object is 1 when what is at hand is an object, 0 when it is an array.
func (p *place) object() byte {
	switch {
	case p.depth > 0:
		return byte(p.below & 1)
	case p.in.elements != nil:
		return 0
	}
	return 1
}

// enter goes into a container, of which in is what is wanted. It returns false when that is too deep.
func (p *place) enter(object byte, in *branch) bool {
	if in != nil {
		p.in = in
	} else {
		p.depth++
		p.below = p.below<<1 | uint64(object)
	}
	return p.in.level+int(p.depth) < MaxDepth
}

// leave goes out of the container at hand. It returns false when that is the whole object.
func (p *place) leave() bool {
	switch {
	case p.depth > 0:
		p.depth--
		p.below >>= 1
	case p.in.parent == nil:
		return false
	default:
		p.in = p.in.parent
	}
	return true
}

// walk is Extract's reading, value after value.
type walk struct {
	data   []byte // the line
	values []Value
	i      int    // in the line
	taken  uint64 // by ID
	at     *step  // the last one on the trail

	place       // off it
	step   step // the last that was read off it
	once   bool // step depends on more than place and the bytes
	misses int  // how often another step came than the last time

	fold   Fold
	closed bool
	folded [MaxFolded]byte
	last   [96]byte // what follow copies the line's last bytes to
	slowly bool     // do without follow
}

// nobody is the bit in taken that no ID has. It is set, so that a step with it in ids is not one for follow.
const nobody = 1

// onward reads on by the rules to the next value that is neither an object nor an array, and reads that, or to the whole object's end:
// then w.step.kind is Nothing. It returns false where Extract gives up.
func (w *walk) onward() bool {
	data, i := w.data, w.i
	read := &w.step // of which the rest is never written
	read.ids, read.kind, read.id, read.odd, read.container, read.list = 0, Nothing, 0, false, 0, nil
	w.once = false
	if w.after == afterText {
		i++
	}
	inside := w.after == start // right behind the beginning of a container
	for {
		for !inside { // what is behind a value
			if i = blanks(data, i); i >= len(data) {
				return false
			}
			c := data[i]
			i++
			if c == ',' {
				break
			}
			if c != ']'+w.object()<<5 { // } is ] plus 32
				return false
			}
			if !w.leave() {
				w.stepTo(i)
				return i == len(data)
			}
		}
		object := w.object()
		var wanted *leaf
		i = blanks(data, i)
		if object == 1 {
			if i >= len(data) || data[i] != '"' {
				return false
			}
			end, _ := textEnd(data, i+1)
			if end < 0 {
				return false
			}
			colon := blanks(data, end+1)
			if colon >= len(data) || data[colon] != ':' {
				return false
			}
			if w.depth == 0 {
				var ok bool
				if wanted, ok = w.take(data[i+1 : end]); !ok {
					return false
				}
			}
			i = blanks(data, colon+1)
		}
		if i >= len(data) {
			return false
		}
		c := data[i]
		if c != '{' && c != '[' {
			return w.value(wanted, i)
		}
		var in *branch
		if w.closed && wanted == nil && c == '{' && object == 1 && w.depth == 0 {
			return false
		}
		if wanted != nil {
			if in = wanted.in; in == nil || in.elements != nil || c == '[' {
				w.contain(wanted.id, c, i)
			}
			if in != nil && (in.elements != nil) != (c == '[') {
				in = nil
			}
		}
		if object == 0 && c == '{' && w.depth == 0 {
			in = w.element()
		}
		if !w.enter(c>>5&1, in) {
			return false
		}
		i = blanks(data, i+1)
		if inside = i >= len(data) || data[i] != c+2; !inside { // } and ] come two after { and [
			i++
			w.leave()
		}
	}
}

// blanks returns where the white space at i ends.
func blanks(data []byte, i int) int {
	for i < len(data) && data[i] <= ' ' && (data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r') {
		i++
	}
	return i
}

// take returns what is wanted of a key, nil when it repeats one. ok is false when Extract has to give up.
func (w *walk) take(key []byte) (wanted *leaf, ok bool) {
	if w.fold != nil {
		if key, ok = w.fold(&w.folded, key); !ok {
			return nil, false
		}
	}
	if wanted = w.in.find(key); wanted == nil {
		return nil, true
	}
	bit := uint64(1) << wanted.id
	if w.taken&bit != 0 {
		w.once = true
		return nil, true
	}
	w.taken |= bit
	w.step.ids |= bit
	return wanted, true
}

// contain notes that the value of id is a container, which begins at i with c.
func (w *walk) contain(id int, c byte, i int) {
	v := Value{Kind: Object, Start: int32(i)}
	if c == '[' {
		v.Kind = Array
	}
	w.values[id] = v
	w.once = w.once || w.step.container != 0 || w.step.list != nil
	w.step.container, w.step.containerKind, w.step.containerAt, w.step.odd = uint8(id), v.Kind, uint8(i-w.i), true
}

// element goes into an object of the list at hand.
func (w *walk) element() (in *branch) {
	list := w.in
	in = list.elements
	w.once = w.once || w.step.list != nil || w.step.ids&in.ids != 0
	w.step.list, w.step.odd = list, true
	w.anew(list)
	return in
}

// anew forgets what is of the last object of a list: another one begins.
func (w *walk) anew(list *branch) {
	w.values[list.array].End++
	ids := list.elements.ids
	w.taken &^= ids
	for ; ids != 0; ids &= ids - 1 {
		w.values[bits.TrailingZeros64(ids)] = Value{}
	}
}

// value reads the value at i, which is neither an object nor an array.
func (w *walk) value(wanted *leaf, i int) bool {
	kind := anyOther
	if w.after = afterValue; w.data[i] == '"' {
		kind, w.after = String, afterText
		i++
	}
	w.stepTo(i)
	v, end, ok := valueAt(w.data, i, kind)
	if !ok {
		return false
	}
	if wanted != nil {
		w.values[wanted.id], w.step.id = v, uint8(wanted.id)
	}
	w.i = end
	w.step.kind, w.step.behind = kind, w.place
	return true
}

// stepTo notes that the step goes up to i.
func (w *walk) stepTo(i int) {
	n := i - w.i
	w.once = w.once || n > maxText
	w.step.n = uint8(n)
	w.i = i
}
