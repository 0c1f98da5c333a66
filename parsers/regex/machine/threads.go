package machine

import "unicode/utf8"

// threads are the ways through a program that are gone at the same time.
type threads struct {
	lists [2]list // before a rune of the line, and behind it
	found []int32 // places of the match that is preferred so far
	todo  []job
}

// list is threads, those that are preferred first, and what instructions they have come to.
type list struct {
	dense  []int32 // instructions; no two threads come to one, what they do from there on is the same
	sparse []int32 // where in dense an instruction is, if it is there
	pcs    []int32 // of the threads: those that take a rune, or match
	places []int32 // of the threads, one's after the other's
}

// thread runs the program, all ways at once, and reports whether it matches.
func (m *Machine) thread(line []byte) (ok bool) {
	m.restart()
	t, insts, slots := &m.threads, m.program.insts, m.program.slots
	now, next := &t.lists[0], &t.lists[1]
	if now.sparse == nil {
		now.sparse, next.sparse = make([]int32, len(insts)), make([]int32, len(insts))
	}
	now.clear()
	m.follow(now, m.program.start, m.places, line, 0)
	for at := 0; len(now.pcs) > 0; {
		r, width := rune(none), 0
		if at < len(line) {
			r, width = utf8.DecodeRune(line[at:])
		}
		next.clear()
		for i, pc := range now.pcs {
			in, places := &insts[pc], now.places[i*slots:(i+1)*slots]
			if in.op == match { // preferred to all threads behind it
				ok = true
				t.found = append(t.found[:0], places...)
				break
			}
			if width > 0 && in.takes(r) {
				m.follow(next, in.out, places, line, at+width)
			}
		}
		if width == 0 {
			break
		}
		at += width
		now, next = next, now
	}
	if ok {
		copy(m.places, t.found)
	}
	return ok
}

// follow starts threads at all instructions that pc leads to before line[at]. places are those on the way there; they are changed
// meanwhile.
func (m *Machine) follow(l *list, pc int32, places []int32, line []byte, at int) {
	t := &m.threads
	t.todo = append(t.todo[:0], job{pc: pc})
	for len(t.todo) > 0 {
		j := t.todo[len(t.todo)-1]
		t.todo = t.todo[:len(t.todo)-1]
		if j.pc < 0 {
			places[^j.pc] = j.at
			continue
		}
		for pc = j.pc; l.add(pc); {
			m.steps++
			in := &m.program.insts[pc]
			switch {
			case in.op == match, in.op.takesRune():
				l.pcs = append(l.pcs, pc)
				l.places = append(l.places, places...)
			case in.op == assert && in.holds(line, at):
				pc = in.out
				continue
			case in.op == capture:
				t.todo = append(t.todo, job{pc: ^in.arg, at: places[in.arg]})
				places[in.arg] = int32(at)
				pc = in.out
				continue
			case in.op.isFork():
				ways := in.look.at(line, at)
				if ways&byArg != 0 {
					t.todo = append(t.todo, job{pc: in.arg})
				}
				if ways&byOut != 0 {
					pc = in.out
					continue
				}
			}
			break
		}
	}
}

func (l *list) clear() { l.dense, l.pcs, l.places = l.dense[:0], l.pcs[:0], l.places[:0] }

// add adds an instruction and reports whether it is new. See https://research.swtch.com/sparse.
func (l *list) add(pc int32) bool {
	if i := int(l.sparse[pc]); i < len(l.dense) && l.dense[i] == pc {
		return false
	}
	l.sparse[pc] = int32(len(l.dense))
	l.dense = append(l.dense, pc)
	return true
}
