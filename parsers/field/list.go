package field

import (
	"bytes"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

// nginx writes its upstream variables as lists, an entry for each server tried: `, ` stands between the servers of a group,
// ` : ` between groups (after an internal redirect). A try without a value is `-`.

// spanSum adds up a list of times: `0.100, - : 0.910` is a try of 100 ms, one that got no answer, and one of 910 ms.
func spanSum(r *record.Record, op *Op, v []byte) record.Reason {
	if op.Tries {
		CountTries(r, v)
	}
	sum, some := int64(0), false
	for len(v) > 0 {
		i := 0
		for i < len(v) && v[i] != ',' && v[i] != ' ' {
			i++
		}
		if entry := v[:i]; i > 1 || i == 1 && entry[0] != '-' && entry[0] != ':' {
			ns, ok := op.Unit.read(entry)
			if !ok || sum+ns < 0 {
				return record.BadNumber
			}
			sum, some = sum+ns, true
		}
		v = v[min(i+1, len(v)):]
	}
	if some {
		r.SetNumber(op.Field, sum)
	}
	return record.None
}

// CountTries counts the entries of a list, which may be one value, unless another list has had more of them. A request that went to no
// upstream has no list.
func CountTries(r *record.Record, v []byte) {
	n := int32(1)
	for i, c := range v {
		if c == ',' || c == ':' && i > 0 && v[i-1] == ' ' { // that of an address has no space before it
			n++
		}
	}
	r.Tries = max(r.Tries, n)
}

// Last returns a list's last entry. When the last try has no value it is `-`.
func Last(v []byte) []byte {
	if v[len(v)-1] == ',' { // a value cut or written without its last entry
		return nil
	}
	return v[bytes.LastIndexByte(v, ' ')+1:]
}

// InList reports whether the space at line[i], of a list that begins at line[at], separates two of its entries and so does
// not end it.
func InList(line []byte, at, i int) bool {
	if i == at {
		return false
	}
	return line[i-1] == ',' || i+2 < len(line) && line[i+1] == ':' && line[i+2] == ' ' ||
		line[i-1] == ':' && i-2 >= at && line[i-2] == ' '
}
