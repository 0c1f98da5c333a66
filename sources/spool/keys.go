package spool

// keyring remembers the last keys. It is guarded by Spool.mu.
type keyring struct {
	max   int
	order []string // a ring once it is full
	at    int      // where the oldest is
	known map[string]struct{}
}

func newKeyring(n int) *keyring { return &keyring{max: n, known: map[string]struct{}{}} }

// has reports whether key is remembered.
func (r *keyring) has(key []byte) bool {
	_, ok := r.known[string(key)]
	return ok
}

// add remembers key, and forgets the oldest when there are too many.
func (r *keyring) add(key []byte) {
	if r.max == 0 || len(key) == 0 || r.has(key) {
		return
	}
	k := string(key)
	if len(r.order) < r.max {
		r.order = append(r.order, k)
	} else {
		delete(r.known, r.order[r.at])
		r.order[r.at] = k
		r.at = (r.at + 1) % r.max
	}
	r.known[k] = struct{}{}
}

// each yields the keys, oldest first.
func (r *keyring) each(yield func(string) bool) {
	for i := range r.order {
		if !yield(r.order[(r.at+i)%len(r.order)]) {
			return
		}
	}
}

// size returns how many bytes a block of the keys has.
func (r *keyring) size() int64 {
	if len(r.order) == 0 {
		return 0
	}
	n := int64(blockHeader)
	for _, k := range r.order {
		n += 2 + int64(len(k))
	}
	return n
}
