package haproxy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// shape is how it is known where a value ends.
type shape uint8

// The shapes. Of those that may be empty nothing at all is written where there is no value, and HAProxy leaves out one of the spaces
// around it.
const (
	toLiteral     shape = iota // before the first place where the literal behind it stands
	ofLength                   // by its length
	inBraces                   // `{a|b}`; may be empty
	inList                     // `"a" "b"`; may be empty
	afterQuestion              // `?a=b`; may be empty
	fromSlash                  // `/a`; may be empty
	asRequest                  // `GET / HTTP/1.1` without quotes: the spaces in it are none of the format's
	beforeColon                // an address: an IPv6 address has other colons
	toEnd                      // all up to the line's end: nobody wants what is in it
)

// taking is what becomes of a value.
type taking uint8

const (
	aside         taking = iota
	asOp                 // what the op says
	asNumber             // the same, of a number that may have a plus before it, or be -1: none
	asTimer              // a length of time that nothing is made of
	asTotal              // how long it took
	asConnect            // until the server was connected, the upstream's first part
	asAnswer             // from then until it began to answer, the second
	asFrontend           // `https-in~`
	asServer             // `srv1`, `<NOSRV>`
	asState              // `sD--`
	asRetries            // `+1`
	asRequestPart        // what the op says, unless it is `<BADREQ>`
	asPath               // the same; it may be a whole URL
	asRequestHeaders
	asResponseHeaders
	asHeaderList
	asHexAddress
	asHexPort
	asHexTime
)

// item is a value of a format and the literal behind it.
type item struct {
	name    string    // as the format has it
	names   [3]string // that a config's fields may have for it
	literal string
	shape   shape
	take    taking
	op      field.Op // Field is what the value goes to, also where taking says how
	length  int
	rank    uint8 // of several for the same: the least counts
	hashed  bool  // has escapes as #22
	escaped bool  // +E is on: has escapes as \"
	json    bool  // the same, by the converter json
	quotes  bool  // is in quotes when +Q is on, by HAProxy itself
	quoted  bool  // +Q is on, and these quotes are its own: not the literals'
	solid   bool  // has no spaces
	raw     bool  // strangers write it, and nothing in it is escaped
	cookie  bool  // it is one, which is raw; what stands for none is not
	placed  bool  // by the config's fields
	local   bool  // a time without a zone
	whole   bool  // a time in whole seconds, of when the client was accepted: %ms goes with it

	second bool   // it is the response's headers right behind the request's
	chain  int    // how many items before it strangers write too, with quotes between
	behind []byte // literal
	stop   []byte // the next item's literal
}

// flags are those of `%{+Q,-E}`.
type flags struct{ quote, escape, hex bool }

func (f *flags) set(s string) error {
	for flag := range strings.SplitSeq(s, ",") {
		flag = strings.TrimSpace(flag)
		on := strings.HasPrefix(flag, "+")
		if !on && !strings.HasPrefix(flag, "-") { // HAProxy does nothing either
			continue
		}
		switch flag[1:] {
		case "Q":
			f.quote = on
		case "E":
			f.escape = on
		case "X":
			f.hex = on
		case "json":
			return errors.New("with +json its lines are JSON: format: json reads them, with fields: for the names that it does not know")
		case "cbor":
			return errors.New("with +cbor its lines are CBOR, which is not read")
		}
	}
	return nil
}

// parseItem reads what follows a `%`. An item without a name, `%{+Q}o`, changes f and is none: then ok is false.
func parseItem(s string, f *flags) (it item, ok bool, after string, err error) {
	text := s
	if strings.HasPrefix(s, "(") {
		i := strings.IndexByte(s, ')')
		if i < 0 {
			return it, false, "", fmt.Errorf("%%( is not closed by ) before %.40q", s[1:])
		}
		it.names[2], _, _ = strings.Cut(s[1:i], ":")
		s = s[i+1:]
	}
	own := *f
	if strings.HasPrefix(s, "{") {
		i := strings.IndexByte(s, '}')
		if i < 0 {
			return it, false, "", fmt.Errorf("%%{ is not closed by } before %.40q", s[1:])
		}
		if err := own.set(s[1:i]); err != nil {
			return it, false, "", err
		}
		s = s[i+1:]
	}
	n := 0
	if strings.HasPrefix(s, "[") {
		if n = expression(s); n < 0 {
			return it, false, "", fmt.Errorf("%%[ is not closed by ] before %.40q", s[1:])
		}
		it.sample(strings.TrimSpace(s[1 : n-1]))
		it.names[1] = s[1 : n-1]
	} else {
		for n < len(s) && isAlphanumeric(s[n]) {
			n++
		}
		switch s[:n] {
		case "":
			return it, false, "", fmt.Errorf("a %% stands without an item before %.40q; a per cent sign of its own is %%%%", s)
		case "o":
			*f = own
			return it, false, s[n:], nil
		}
		it.alias(s[:n], own.hex)
		it.names[1] = s[:n]
	}
	it.names[0] = "%" + s[:n]
	it.name = "%" + text[:len(text)-len(s)+n]
	it.quoted = it.quotes && own.quote
	it.escaped = own.escape && it.quotes
	return it, true, s[n:], nil
}

func isAlphanumeric(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' }

// expression returns how long the `[…]` is that s begins with, -1 when it is not closed. Brackets in parentheses and in quotes are part of it.
func expression(s string) int {
	if end := outside(s[1:], ']'); end >= 0 {
		return 1 + end + 1
	}
	return -1
}

// outside returns where wanted first is in s outside parentheses and quotes, -1 when nowhere.
func outside(s string, wanted byte) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == wanted && depth <= 0:
			return i
		}
	}
	return -1
}

const (
	localLength = len("06/Feb/2009:12:14:14.655")
	clfLength   = len("06/Feb/2009:12:14:14 +0100")
)

// Ranks of times and durations, the best first.
const (
	ofRequest uint8 = iota + 1 // when the request began, and from then on
	inSeconds
	ofAccept // when the client came, which for a connection kept alive is when the request before had ended
	acceptSeconds
	ofLog
)

func (it *item) time(action field.Action, length int, rank uint8) {
	it.take, it.op, it.length, it.rank = asOp, field.Op{Action: action, Field: record.Time}, length, rank
	if length > 0 {
		it.shape = ofLength
	}
	it.local, it.whole = action == field.TimeLocal, rank == acceptSeconds
}

func (it *item) fill(take taking, action field.Action, f record.Field) {
	it.take, it.op = take, field.Op{Action: action, Field: f, Unit: field.Milliseconds}
}

// alias says what the value of a name is. hex: +X is on. What is not known is left aside.
func (it *item) alias(name string, hex bool) {
	it.quotes = strings.Contains(" H HM HP HPO HQ HU HV ID OG CC CS b bi ci f fi ft hr hrl hs hsl r s si sslc sslv ", " "+name+" ")
	it.solid = strings.Contains(" B ST Ta Tc Td Th Ti TR Tr Tq Tt Tu Tw Ts U ac b bc bi bp bq ci cp f fc fi fp ft lc ms pid rc rt s sc si sp sq sslc sslv ts tsc ", " "+name+" ")
	if hex && strings.Contains(" ci fi bi si Ts ", " "+name+" ") {
		it.quotes = false
	}
	switch name {
	case "t":
		it.time(field.TimeLocal, localLength, ofAccept)
	case "tr":
		it.time(field.TimeLocal, localLength, ofRequest)
	case "trg", "trl":
		it.time(field.TimeCLF, clfLength, inSeconds)
	case "T", "Tl":
		it.time(field.TimeCLF, clfLength, acceptSeconds)
	case "Ts":
		it.time(field.TimeEpoch, 0, acceptSeconds)
		if hex {
			it.take = asHexTime
		}
	case "ms":
		if !hex {
			it.fill(asOp, field.TimeMillis, record.NoField)
		}
	case "Th", "Ti", "TR", "Tq", "Tw", "Td":
		it.take = asTimer
	case "Ta":
		it.fill(asTotal, field.Span, record.Duration)
		it.rank = 1
	case "Tu":
		it.fill(asTotal, field.Span, record.Duration)
		it.rank = 2
	case "Tt":
		it.fill(asTotal, field.Span, record.Duration)
		it.rank = 3
	case "Tc":
		it.fill(asConnect, field.Span, record.UpstreamDuration)
	case "Tr":
		it.fill(asAnswer, field.Span, record.UpstreamDuration)
	case "ST":
		it.fill(asNumber, field.Number, record.Status)
	case "B":
		it.fill(asNumber, field.Number, record.ResponseBytes)
	case "U":
		it.fill(asNumber, field.Number, record.RequestBytes)
	case "ci", "fi", "bi", "si":
		it.shape = beforeColon
		switch {
		case name == "si":
			it.fill(asServer, field.Text, record.UpstreamAddress)
			it.rank = 1
		case name == "ci" && hex:
			it.fill(asHexAddress, field.Peer, record.ClientAddress)
		case name == "ci":
			it.fill(asOp, field.Peer, record.ClientAddress)
		}
	case "cp":
		if it.fill(asNumber, field.Number, record.ClientPort); hex {
			it.take = asHexPort
		}
	case "f", "ft":
		it.fill(asFrontend, field.Text, record.Service)
		it.rank = 2
	case "b":
		it.fill(asOp, field.Text, record.Service)
		it.rank = 1
	case "s":
		it.fill(asServer, field.Text, record.UpstreamAddress)
		it.rank = 2
	case "ts", "tsc":
		it.fill(asState, field.Text, record.Flags)
	case "rc":
		it.fill(asRetries, field.Number, record.Tries)
	case "ID":
		it.fill(asOp, field.Text, record.RequestID)
	case "sslv":
		it.fill(asOp, field.TLS, record.TLSVersion)
	case "sslc":
		it.fill(asOp, field.Text, record.TLSCipher)
	case "CC", "CS":
		it.raw, it.cookie = true, true
	default:
		it.ofHTTP(name)
	}
}

// ofHTTP is alias for what has to do with the request.
func (it *item) ofHTTP(name string) {
	it.hashed = true
	switch name {
	case "r":
		it.fill(asRequestPart, field.Request, record.NoField)
		it.shape = asRequest
	case "HM":
		it.fill(asRequestPart, field.Text, record.Method)
	case "HP", "HPO":
		it.fill(asPath, field.Text, record.Path)
		if name == "HPO" {
			it.shape = fromSlash
		}
	case "HU":
		it.fill(asRequestPart, field.Text, record.URL)
	case "HQ":
		it.fill(asRequestPart, field.Query, record.Query)
		it.shape = afterQuestion
	case "HV":
		it.fill(asRequestPart, field.Protocol, record.HTTPVersion)
	case "hr":
		it.take, it.shape = asRequestHeaders, inBraces
	case "hs":
		it.take, it.shape = asResponseHeaders, inBraces
	case "hrl", "hsl":
		it.take, it.shape = asHeaderList, inList
	default:
		it.hashed = false
	}
}
