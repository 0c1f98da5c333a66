package distinct

import (
	"encoding/binary"

	"github.com/axiomhq/hyperloglog"
)

// AppendPacked appends c in few bytes, for Unpack: what a counter takes that nobody adds to or asks. It is the number of values and their hashes,
// eight bytes each, or, with one more than there may be, the sketch in its own binary form.
func (c *Counter) AppendPacked(dst []byte) []byte {
	if c.sketch == nil {
		dst = append(dst, byte(c.n))
		for _, hash := range c.table {
			if hash != 0 {
				dst = binary.LittleEndian.AppendUint64(dst, hash)
			}
		}
		return dst
	}
	dst = append(dst, Exact+1)
	size := len(dst)
	dst, err := c.sketch.AppendBinary(binary.LittleEndian.AppendUint32(dst, 0))
	if err != nil {
		panic("BUG: a sketch in binary form: " + err.Error())
	}
	binary.LittleEndian.PutUint32(dst[size:], uint32(len(dst)-size-4))
	return dst
}

// Unpack makes c, which must be empty, what was packed, and returns what follows that.
func (c *Counter) Unpack(src []byte) (rest []byte) {
	n := src[0]
	src = src[1:]
	if n <= Exact {
		for range n {
			c.Add(binary.LittleEndian.Uint64(src))
			src = src[8:]
		}
		return src
	}
	size := binary.LittleEndian.Uint32(src)
	c.sketch = &hyperloglog.Sketch{} // which makes all its memory anew, whatever it had
	if err := c.sketch.UnmarshalBinary(src[4 : 4+size]); err != nil {
		panic("BUG: a sketch's own binary form: " + err.Error())
	}
	return src[4+size:]
}
