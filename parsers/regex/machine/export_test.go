package machine

// MatchByThreads is Match by threads alone.
func (m *Machine) MatchByThreads(line []byte) (places []int32, ok bool) {
	m.steps = 0
	ok = m.thread(line)
	return m.places, ok
}

// Steps returns how many instructions have been run, and bytes gone over, for the last line.
func (m *Machine) Steps() int { return m.steps }

// Short reports whether there was too little memory to try one way after the other for the last line.
func (m *Machine) Short() bool { return m.short }

// Memory returns how much memory there is for backtracking, in bytes.
func (m *Machine) Memory() int { return 8*cap(m.marks.words) + 12*cap(m.jobs) }

// Insts returns the program's size.
func (p *Program) Insts() int { return len(p.insts) }
