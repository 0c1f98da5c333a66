package redact

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/record"
)

func redactor(t testing.TB, c Config) *Redactor {
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLine(t *testing.T) {
	r := redactor(t, Config{Query: DefaultNames()})
	f := func(line, want string) {
		t.Helper()
		b := []byte(line)
		r.Line(b)
		if string(b) != want {
			t.Errorf("%s\n  became %s\n  want   %s", line, b, want)
		}
		r.Line(b)
		if string(b) != want {
			t.Errorf("%s: masked twice it became %s", line, b)
		}
	}
	f(`"GET /x?token=abc&a=1 HTTP/1.1" 200`, `"GET /x?token=***&a=1 HTTP/1.1" 200`)
	f(`"GET /x?a=1&TOKEN=abc HTTP/1.1" "http://h/?password=p%20w#f"`, `"GET /x?a=1&TOKEN=*** HTTP/1.1" "http://h/?password=*****#f"`)
	f(`"GET /x?%74oken=abc;api_key=k HTTP/1.1"`, `"GET /x?%74oken=***;api_key=* HTTP/1.1"`)
	f(`"GET /x?tokens=abc&mytoken=1 HTTP/1.1"`, `"GET /x?tokens=abc&mytoken=1 HTTP/1.1"`)
	f(`"GET /x?a=token=b HTTP/1.1"`, `"GET /x?a=token=b HTTP/1.1"`)
	f(`"GET /token=abc HTTP/1.1" 200 key=value`, `"GET /token=abc HTTP/1.1" 200 key=value`)
	f(`"GET /x?token=ab\x22c HTTP/1.1"`, `"GET /x?token=**\x22c HTTP/1.1"`)
	f(`{"uri":"/x?token=abc\u0026secret=d","querystring":{"token":"abc","n":1}}`, `{"uri":"/x?token=***\u0026secret=*","querystring":{"token":"***","n":1}}`)
	f(`{"headers":{"X-Api-Key": ["a\"b", "c"],"x":"y"},"token":5}`, `{"headers":{"X-Api-Key": ["****", "*"],"x":"y"},"token":5}`)
	f(`{"a":"token","b":"c"}`, `{"a":"token","b":"c"}`)
	f(`{"token":"unfinished`, `{"token":"**********`)
	f(`{"token`, `{"token`)
}

func TestRecord(t *testing.T) {
	f := func(c Config, address, user, wantAddress, wantUser string, line bool) {
		t.Helper()
		rec := &record.Record{Line: []byte("line"), ClientAddress: []byte(address), User: []byte(user)}
		redactor(t, c).Record(rec, nil)
		if string(rec.ClientAddress) != wantAddress || string(rec.User) != wantUser || (rec.Line != nil) != line {
			t.Errorf("%+v: address %q, user %q, line kept %v", c, rec.ClientAddress, rec.User, rec.Line != nil)
		}
	}
	f(Config{}, "203.0.113.77", "ann", "203.0.113.77", "ann", true)
	f(Config{Addresses: "truncate"}, "203.0.113.77", "ann", "203.0.113.0", "ann", false)
	f(Config{Addresses: "truncate"}, "2001:db8:1:2::3%eth0", "ann", "2001:db8:1::", "ann", false)
	f(Config{Addresses: "truncate"}, "::ffff:203.0.113.77", "", "203.0.113.0", "", false)
	f(Config{Addresses: "truncate"}, "host.example.com", "", "", "", false)
	f(Config{Users: "drop"}, "203.0.113.77", "ann", "203.0.113.77", "", false)
	salted := &record.Record{ClientAddress: []byte("203.0.113.77"), User: []byte("ann")}
	redactor(t, Config{Addresses: "hash", Users: "hash", Salt: []byte("s")}).Record(salted, nil)
	other := &record.Record{ClientAddress: []byte("203.0.113.77")}
	redactor(t, Config{Addresses: "hash", Salt: []byte("t")}).Record(other, nil)
	if len(salted.ClientAddress) != 16 || bytes.Equal(salted.ClientAddress, other.ClientAddress) || bytes.Contains(salted.User, []byte("ann")) {
		t.Errorf("hashes %q %q, with another salt %q", salted.ClientAddress, salted.User, other.ClientAddress)
	}
}

func TestNewErrors(t *testing.T) {
	for _, c := range []Config{{Query: []string{""}}, {Query: []string{strings.Repeat("x", 41)}}, {Addresses: "drop"}, {Users: "truncate"}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("GET /x?a=b&", "abc", " HTTP/1.1")
	f.Add(`{"uri":"/x?a=b&`, "abc", `","x":1}`)
	r, _ := New(Config{Query: DefaultNames()})
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		if strings.ContainsAny(secret, "&; \"#\t<>\\") || secret == "" {
			return
		}
		line := []byte(before + "?token=" + secret + " " + after)
		length := len(line)
		r.Line(line)
		at := len(before) + len("?token=")
		if len(line) != length || string(line[at:at+len(secret)]) != strings.Repeat("*", len(secret)) {
			t.Errorf("%q leaves %q", before+"?token="+secret+" "+after, line)
		}
	})
}

func TestAllocatesNothing(t *testing.T) {
	r := redactor(t, Config{Query: DefaultNames(), Addresses: "hash", Users: "hash", Salt: []byte("salt")})
	line := []byte(`203.0.113.7 - ann [10/Oct/2000:13:55:36 -0700] "GET /x?a=1&token=abc HTTP/1.1" 200 1 "-" "-"`)
	arena := make([]byte, 0, 1000)
	rec := &record.Record{}
	if n := testing.AllocsPerRun(100, func() {
		r.Line(line)
		rec.ClientAddress, rec.User = line[:11], line[14:17]
		arena = r.Record(rec, arena[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
