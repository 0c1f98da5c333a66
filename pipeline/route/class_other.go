//go:build !amd64

package route

func classify(t *text) (slashes, digits, odd uint64) { return classifyPortable(t) }

func keep(dst, t *text, keep uint64, key *Key) (hash uint64) { return keepPortable(dst, t, keep, key) }
