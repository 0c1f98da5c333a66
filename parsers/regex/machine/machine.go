package machine

// maxJobs bounds the memory of jobs: 768 KiB.
const maxJobs = 64 << 10

// Machine runs a program. It is used by one goroutine.
type Machine struct {
	program *Program
	places  []int32 // of the groups, while they are looked for and when they are found
	jobs    []job
	marks   marks
	threads threads
	short   bool // of memory: jobs or marks are missing
	steps   int  // instructions run and bytes gone over, for the last line
}

// job is something to come back to.
type job struct {
	pc  int32 // to be run, or ^slot of a place that gets back its old value
	at  int32 // where in the line; the old value
	end int32 // of a greedy span that has been gone over: it may end from at to here; else none
}

// none is no place.
const none = -1

// New returns a machine.
func New(p *Program) *Machine { return &Machine{program: p, places: make([]int32, p.slots)} }

// Match finds the expression in line, which is shorter than 2 GiB. It returns where it found the groups that Compile was given, two
// for each: where it begins and where it ends, -1 when it has no part in the match. They are valid until the next call.
func (m *Machine) Match(line []byte) (places []int32, ok bool) {
	m.steps, m.short = 0, false
	ok = m.backtrack(line)
	if !ok && m.short {
		ok = m.thread(line)
	}
	return m.places, ok
}

// restart forgets the line before.
func (m *Machine) restart() {
	m.jobs = m.jobs[:0]
	for i := range m.places {
		m.places[i] = none
	}
}

// push adds a job. Without it there may be a match all the same, but nothing to come back to.
func (m *Machine) push(j job) {
	if len(m.jobs) == maxJobs {
		m.short = true
		return
	}
	m.jobs = append(m.jobs, j)
}

// free reports whether no instruction of a row has been at line[at], and marks it.
func (m *Machine) free(i int32, at int) bool {
	r := &m.marks.rows[i]
	if r.line != m.marks.line && m.marks.newRow(i) == nil {
		m.short = true
		return false
	}
	word, bit := &m.marks.words[r.at+at>>6], uint64(1)<<(at&63)
	free := *word&bit == 0
	*word |= bit
	return free
}
