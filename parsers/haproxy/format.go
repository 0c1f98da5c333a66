package haproxy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// Format is a compiled log-format. It is not changed by use.
type Format struct {
	prefix   string // the literal before the first item
	items    []item
	raw      int // how many items strangers write as they like
	last     int // from here on somebody wants only what strangers write: it need not be told from what others write
	optional int // from here on all items may be empty
	captures Captures
	local    bool // its times have no zone
	written  bool // its times are of when the line was written, after all else
	timed    bool
	server   bool // it says which server was chosen
}

// IsFormat reports whether spec has what a log-format has, and Apache's LogFormat, which looks like it, does not.
func IsFormat(spec string) bool {
	for _, item := range []string{"%ci", "%ft", "%{+Q}", "%["} {
		if strings.Contains(spec, item) {
			return true
		}
	}
	return false
}

// Compile compiles a log-format, as it stands in HAProxy's configuration with its quotes and backslashes, with `log-format` before it, or
// without all this. fields gives items that gatemeter does not know, or knows otherwise, a place in the record: `%CC` by that name or as
// `CC`, `%(tenant)[var(txn.tenant)]` as `%[var(txn.tenant)]`, `var(txn.tenant)` or `tenant`, captured headers as NewCaptures does.
func Compile(format string, fields map[string]field.Op) (*Format, error) {
	if len(format) > program.MaxFormat {
		return nil, fmt.Errorf("it is longer than %d bytes", program.MaxFormat)
	}
	format, err := unquote(format)
	if err != nil {
		return nil, err
	}
	f := &Format{}
	var on flags
	for rest := format; rest != ""; {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			f.write(rest)
			break
		}
		f.write(rest[:i])
		if strings.HasPrefix(rest[i:], "%%") {
			f.write("%")
			rest = rest[i+2:]
			continue
		}
		it, ok, after, err := parseItem(rest[i+1:], &on)
		if err != nil {
			return nil, err
		}
		if rest = after; ok {
			f.add(it)
		}
	}
	if err := f.place(fields); err != nil {
		return nil, err
	}
	f.prefer()
	return f, f.seal()
}

// write appends to the literal before the next item. Of several spaces HAProxy writes one, and none at a line's beginning.
func (f *Format) write(s string) {
	literal := &f.prefix
	if n := len(f.items); n > 0 {
		literal = &f.items[n-1].literal
	}
	b := []byte(*literal)
	for i := range len(s) {
		if s[i] == ' ' && (len(b) == 0 && len(f.items) == 0 || len(b) > 0 && b[len(b)-1] == ' ') {
			continue
		}
		b = append(b, s[i])
	}
	*literal = string(b)
}

// add appends an item. The quotes that +Q puts around it are literals, but where they too are missing when there is no value. Two items that
// make one value are one.
func (f *Format) add(it item) {
	if n := len(f.items); n > 0 {
		last := &f.items[n-1]
		switch {
		case it.shape == afterQuestion && last.take == asPath && last.literal == "" && !it.quoted: // %HP%HQ
			last.fill(asRequestPart, field.Text, record.URL)
			last.name += it.name
			last.names = [3]string{last.name}
			last.shape = toLiteral
			return
		case it.take == asHeaderList && last.take == asHeaderList && last.literal == " " && it.quoted == last.quoted: // %hrl %hsl
			last.literal = ""
			return
		case it.names[0] == "%sp" && last.names[0] == "%si" && last.literal == ":" && last.take == asServer: // %si:%sp
			last.name += ":" + it.name
			last.literal, last.shape = "", toLiteral
			return
		}
	}
	switch {
	case it.shape == inBraces || it.shape == inList:
		it.raw = it.shape == inList && !it.quoted
		f.items = append(f.items, it)
	case it.quoted:
		if it.shape != ofLength {
			it.shape = toLiteral
		}
		f.write(`"`)
		f.items = append(f.items, it)
		f.write(`"`)
	default:
		f.items = append(f.items, it)
	}
}

// place gives items the places that the config's fields have for them, and leaves aside what would fill the same.
func (f *Format) place(fields map[string]field.Op) error {
	unused := program.NewUnused(fields)
	var taken [record.NumFields]bool
	for i := range f.items {
		it := &f.items[i]
		for _, name := range append(it.names[:], it.name) {
			if op, ok := fields[name]; ok && name != "" {
				it.take, it.op, it.rank, it.placed = asOp, op, 0, true
				it.local, it.whole = false, false
				taken[op.Field] = true
				unused.Use(name)
				break
			}
		}
	}
	var requests, responses bool
	for i := range f.items {
		it := &f.items[i]
		if !it.placed && it.op.Field != record.NoField && taken[it.op.Field] {
			it.drop()
		}
		requests = requests || it.take == asRequestHeaders || it.take == asHeaderList
		responses = responses || it.take == asResponseHeaders
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) { // as in NewCaptures
		if strings.HasPrefix(name, "request.") && requests || strings.HasPrefix(name, "response.") && responses {
			if f.captures.add(name, fields[name]) {
				unused.Use(name)
			}
		}
	}
	return unused.Err("item ")
}

// drop leaves it aside, but for the `~` that says that a frontend speaks TLS.
func (it *item) drop() {
	if it.op.Field = record.NoField; it.take != asFrontend {
		it.take = aside
	}
}

// prefer leaves aside all but the best where several items say the same.
func (f *Format) prefer() {
	var best [record.NumFields]*item
	forwarded := false
	for i := range f.items {
		it := &f.items[i]
		forwarded = forwarded || it.op.Action == field.Forwarded
		switch {
		case it.take == aside || it.op.Field == record.NoField:
		case it.op.Field == record.ClientAddress: // the actions say which counts
		case it.take == asConnect || it.take == asAnswer: // one is made of both
		case best[it.op.Field] == nil:
			best[it.op.Field] = it
		case it.rank < best[it.op.Field].rank:
			best[it.op.Field].drop()
			best[it.op.Field] = it
		default:
			it.drop()
		}
	}
	when := best[record.Time]
	for i := range f.items {
		it := &f.items[i]
		if it.op.Action == field.TimeMillis && (when == nil || !when.whole) || forwarded && it.op.Field == record.ClientPort {
			it.drop()
		}
	}
	f.local = when != nil && when.local
	f.written = when != nil && when.rank == ofLog
	f.timed = when != nil
	f.server = best[record.UpstreamAddress] != nil && best[record.UpstreamAddress].take == asServer
}

// seal checks a format and works out how its values end.
func (f *Format) seal() error {
	switch {
	case len(f.items) == 0:
		return errors.New("there is no item in it")
	case len(f.items) > program.MaxOps:
		return fmt.Errorf("it has more than %d items", program.MaxOps)
	case !f.timed:
		return errors.New("it has no time: %tr, %t, %trg, %T or another is needed")
	}
	f.cutTail()
	before := f.prefix
	for i := range f.items {
		it := &f.items[i]
		last := i == len(f.items)-1
		if last {
			it.literal = strings.TrimRight(it.literal, " ")
		}
		if it.literal == "" && !last && it.shape != ofLength && it.shape != inBraces && (it.shape != inList || !it.quoted) {
			return fmt.Errorf("nothing separates %.200s from %.200s: where one ends cannot be told", it.name, f.items[i+1].name)
		}
		inQuotes := strings.HasSuffix(before, `"`) && strings.HasPrefix(it.literal, `"`)
		if it.slashed() && inQuotes {
			it.raw = false
		}
		if it.shape == asRequest && it.literal != "" && !strings.HasPrefix(it.literal, " ") || it.shape == beforeColon && (it.literal != ":" || last) {
			it.shape = toLiteral
		}
		if it.raw && it.shape != toEnd {
			f.raw++
		}
		it.behind = []byte(it.literal)
		if !last {
			it.stop = []byte(f.items[i+1].literal)
		}
		it.solid = it.solid && !strings.HasPrefix(it.literal, " ") // else it is none with a space
		it.second = i > 0 && it.names[0] == "%hs" && f.items[i-1].names[0] == "%hr"
		if i > 0 && it.raw && f.items[i-1].raw && strings.Contains(before, `"`) {
			it.chain = f.items[i-1].chain + 1
		}
		before = it.literal
	}
	listed := false
	for f.last = len(f.items); f.last > 0; f.last-- {
		it := &f.items[f.last-1]
		if listed = listed || it.take == asHeaderList; it.take != asHeaderList && (!it.raw || it.take != aside && !listed) {
			break
		}
	}
	for f.optional = len(f.items); f.optional > 0; f.optional-- {
		it := &f.items[f.optional-1]
		if !it.mayBeEmpty() || strings.Trim(it.literal, " ") != "" {
			break
		}
	}
	return nil
}

// cutTail makes one of the items at the end that nobody wants and strangers write, or that may be empty: how they end does not matter.
func (f *Format) cutTail() {
	n, raw := len(f.items), false
	for n > 0 && f.items[n-1].take == aside && (f.items[n-1].raw || f.items[n-1].mayBeEmpty()) {
		n--
		raw = raw || f.items[n].raw
	}
	for i := range n {
		raw = raw && !f.items[i].raw // else what is behind it may have to be found from the line's end
	}
	if raw {
		f.items = f.items[:n+1]
		f.items[n].shape, f.items[n].literal = toEnd, ""
	}
}

// slashed reports whether a quote in it has a backslash before it.
func (it *item) slashed() bool { return it.escaped || it.json }

// mayBeEmpty reports whether nothing at all is written for it where it has no value.
func (it *item) mayBeEmpty() bool {
	return it.shape >= inBraces && it.shape <= fromSlash
}
