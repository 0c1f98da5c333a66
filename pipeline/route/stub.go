package route

// Templater is a temporary stub: delete this file when the real one is written.
type Templater struct{}

func (*Templater) Append(dst, path []byte) []byte { return append(dst, path...) }
