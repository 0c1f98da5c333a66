package machine

import (
	"bytes"
	"unicode/utf8"
)

// backtrack runs the program, one way after the other, and reports whether it matches. When it does not and m.short is set, it was
// not all tried.
func (m *Machine) backtrack(line []byte) bool {
	m.restart()
	m.marks.restart(m.program.rows, len(line))
	insts := m.program.insts
	pc, at, ok := m.program.start, 0, true
	for {
		if !ok {
			if pc, at, ok = m.back(line); !ok {
				return false
			}
		}
		in := &insts[pc]
		m.steps++
		if in.marked && !m.free(in.row, at) {
			ok = false
			continue
		}
		switch in.op {
		case match:
			return true
		case one:
			if ok = at < len(line) && line[at] == in.first; ok {
				at++
				pc = in.behind
			}
		case text:
			if ok = bytes.HasPrefix(line[at:], in.text); ok {
				at += len(in.text)
				pc = in.behind
			}
		case ascii:
			if ok = at < len(line) && in.set.has[line[at]]; ok {
				at++
				pc = in.out
			}
		case runes:
			if ok = at < len(line); ok {
				r, width := rune(line[at]), 1
				if r >= utf8.RuneSelf {
					r, width = utf8.DecodeRune(line[at:])
				}
				at += width
				pc, ok = in.out, in.takes(r)
			}
		case assert:
			pc, ok = in.out, in.holds(line, at)
		case capture:
			if len(m.jobs) > 0 {
				m.push(job{^in.arg, m.places[in.arg], none})
			}
			m.places[in.arg] = int32(at)
			pc = in.out
		case fork:
			switch in.look.at(line, at) {
			case byOut | byArg:
				m.push(job{in.arg, int32(at), none})
				pc = in.out
			case byOut:
				pc = in.out
			case byArg:
				pc = in.arg
			default:
				ok = false
			}
		case greedy:
			at, ok = m.greedy(pc, line, at)
			pc = in.arg
		case lazy:
			at, ok = m.lazy(pc, line, at)
			pc = in.out
		case search:
			at, ok = m.search(pc, line, at)
			pc = in.out
		default:
			ok = false
		}
	}
}

// back takes up the last job, and returns the instruction that is next and where in the line.
func (m *Machine) back(line []byte) (pc int32, at int, ok bool) {
	for len(m.jobs) > 0 && !m.short {
		j := m.jobs[len(m.jobs)-1]
		m.jobs = m.jobs[:len(m.jobs)-1]
		switch {
		case j.pc < 0:
			m.places[^j.pc] = j.at
		case j.end == none:
			return j.pc, int(j.at), true
		default:
			if at, ok := m.shrink(j.pc, line, int(j.at), int(j.end)); ok {
				return m.program.insts[j.pc].arg, at, true
			}
		}
	}
	return 0, 0, false
}

// greedy goes over a span from line[at] on and returns where it ends.
func (m *Machine) greedy(pc int32, line []byte, at int) (to int, ok bool) {
	in := &m.program.insts[pc]
	if in.alone && len(m.jobs) == 0 { // nothing comes back here
		to = in.set.span(line, at, len(line))
		m.steps += to - at
		return to, true
	}
	row := m.marks.row(in.row)
	if row == nil {
		m.short = true
		return at, false
	}
	to, free := sweep(row, in.set, line, at)
	m.steps += to - at
	if in.alone {
		return to, free
	}
	if !free { // it has been tried from there on
		to--
	}
	return m.shrink(pc, line, at, to)
}

// shrink returns the last place from `from` to `to` where a span can end, and leaves a job for the others.
func (m *Machine) shrink(pc int32, line []byte, from, to int) (at int, ok bool) {
	look := m.program.insts[pc].look
	for at = to; at >= from; at-- {
		if look.at(line, at)&byArg != 0 && boundary(line, at) {
			if at > from {
				m.push(job{pc, int32(from), int32(at - 1)})
			}
			break
		}
	}
	m.steps += to - at
	return at, at >= from
}

// lazy returns the first place from line[at] on where a span can end, and leaves a job for those behind it.
func (m *Machine) lazy(pc int32, line []byte, at int) (to int, ok bool) {
	in := &m.program.insts[pc]
	row := m.marks.row(in.row)
	if row == nil {
		m.short = true
		return at, false
	}
	for ; ; at = to + 1 {
		if to, ok = sweep(row, in.set, line, at); !ok {
			return to, false
		}
		m.steps += to - at
		ways := in.look.at(line, to)
		if ok = ways&byOut != 0 && boundary(line, to); ok && ways&byArg != 0 {
			m.push(job{pc, int32(to + 1), none})
		}
		if ok || ways&byArg == 0 {
			return to, ok
		}
	}
}

// search returns the first place from line[at] on where a match can begin, and leaves a job for those behind it.
func (m *Machine) search(pc int32, line []byte, at int) (to int, ok bool) {
	to, ok = m.program.insts[pc].find(line, at)
	if ok && to < len(line) {
		m.push(job{pc, int32(to + 1), none})
	}
	m.steps += to - at
	return to, ok
}

// find returns the first place from line[at] on where what a search looks for can begin.
func (in *inst) find(line []byte, at int) (to int, ok bool) {
	if in.text != nil {
		i := bytes.Index(line[at:], in.text)
		if i < 0 {
			return len(line), false
		}
		return at + i, true
	}
	for to = at; ; to++ {
		to = in.set.span(line, to, len(line))
		if to == len(line) {
			return to, in.look[end]&byOut != 0
		}
		if boundary(line, to) {
			return to, true
		}
	}
}
