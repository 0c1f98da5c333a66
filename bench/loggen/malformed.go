package loggen

// spoil turns the line that begins at dst[begin:] into one that is no record of its format, and returns dst. What it makes
// is what is found in real logs: a line cut short by a full disk, one of the error log that went to the wrong file, and
// bytes that are no text.
func (g *Generator) spoil(dst []byte, begin int, r *request) []byte {
	rnd := g.traffic.random
	size := len(dst) - begin
	switch rnd.below(4) {
	case 0:
		return dst[:begin+size/3]
	case 1:
		return dst[:begin+size*3/5]
	case 2:
		dst = append(dst[:begin], g.times.of(r.ended).error...)
		dst = append(dst, ` [error] 31#31: *4711 upstream timed out (110: Connection timed out) while reading response header `...)
		dst = append(dst, `from upstream, client: `...)
		dst = append(dst, r.client...)
		dst = append(dst, `, server: `...)
		dst = append(dst, r.route.service...)
		dst = append(dst, `.example.com, request: "`...)
		dst = append(dst, r.route.method...)
		dst = append(dst, ' ')
		dst = append(dst, r.target...)
		return append(dst, ` HTTP/1.1", upstream: "http://10.0.0.1:8080/"`...)
	}
	dst = append(dst[:begin], 0x16, 0x03, 0x01, 0xff, 0xfe) // no line begins like this, nor is it UTF-8
	for range 20 + rnd.below(60) {
		b := byte(rnd.below(256))
		if b == '\n' || b == '\r' {
			b = 0
		}
		dst = append(dst, b)
	}
	return dst
}
