package haproxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

func TestUnquote(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got, err := unquote(in); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", in, got, err, want)
		}
	}
	// The manual's, which are all the same.
	f(`log-format %{+Q}o\ %t\ %s\ %{-Q}r`, `%{+Q}o %t %s %{-Q}r`)
	f(`log-format "%{+Q}o %t %s %{-Q}r"`, `%{+Q}o %t %s %{-Q}r`)
	f(`log-format '%{+Q}o %t %s %{-Q}r'`, `%{+Q}o %t %s %{-Q}r`)
	f(`log-format "%{+Q}o %t"' %s %{-Q}r'`, `%{+Q}o %t %s %{-Q}r`)
	f(`log-format "%{+Q}o %t"' %s'\ %{-Q}r`, `%{+Q}o %t %s %{-Q}r`)

	f(`error-log-format "%t"`, `%t`)
	f(`%t "%HM" %ST`, `%t "%HM" %ST`)
	f(`"%HM" %t "%HU"`, `"%HM" %t "%HU"`) // two words in quotes: they are the format's
	f(`"%t \"%HM\" \\ \x41\t\$"`, "%t \"%HM\" \\ A\t$")
	f(`'%t \"%HM\"'`, `%t \"%HM\"`)
	f("\"%t \\\n   %ST\"", `%t    %ST`)
	f(`"$HAPROXY_TCP_LOG_FMT x"`, TCP+` x`)
	f(`"${HAPROXY_HTTP_LOG_FMT}x"`, HTTP+`x`)
	f(`'%t $5'`, `%t $5`)
	f(`%t \q`, `%t \q`)
	f(`%t \x4`, `%t \x4`)
}

// read reads line by format and returns what it is, a field with its value a word.
func read(t *testing.T, format, line string, fields map[string]field.Op) string {
	t.Helper()
	f, err := Compile(format, fields)
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return described(NewCustom("", f), line)
}

// described returns what a parser makes of line.
func described(p interface{ Parse(recs []record.Record) }, line string) string {
	recs := make([]record.Record, 1)
	recs[0].Reset()
	recs[0].Line = []byte(line)
	p.Parse(recs)
	r := &recs[0]
	if r.Reason != record.None {
		return fmt.Sprintf("%v at %d", r.Reason, r.Column)
	}
	var all []string
	for _, name := range record.Names() {
		switch f, _ := record.Lookup(name); {
		case f == record.Line || f == record.GatewayDuration:
		case f.Class() == record.Text:
			if v := *r.Text(f); len(v) > 0 {
				all = append(all, fmt.Sprintf("%s=%s", name, v))
			}
		case r.Number(f) != record.Absent:
			all = append(all, fmt.Sprintf("%s=%d", name, r.Number(f)))
		}
	}
	return strings.Join(all, " ")
}

func TestCustom(t *testing.T) {
	f := func(format, line string, want ...string) {
		t.Helper()
		fields := map[string]field.Op{}
		for _, w := range want {
			if name, place, ok := strings.Cut(w, "->"); ok {
				op, err := field.ParsePlace(place)
				if err != nil {
					t.Fatal(err)
				}
				fields[name] = op
			}
		}
		got := read(t, format, line, fields)
		for _, w := range want {
			missing, isNot := strings.CutPrefix(w, "!")
			if !strings.Contains(w, "->") && strings.Contains(" "+got+" ", " "+missing+" ") == isNot {
				t.Errorf("%s reads %s as\n%s\nwant %s", format, line, got, w)
			}
		}
	}
	const at, when = `@timestamp=1233922454655000000`, `06/Feb/2009:12:14:14.655`

	// times
	f(`%t x`, when+` x`, at)
	f(`%T %tr %t`, `06/Feb/2009:01:00:00 +0000 `+when+` 06/Feb/2009:01:00:00.000`, at)
	f(`%trl`, `06/Feb/2009:13:14:14 +0100`, `@timestamp=1233922454000000000`)
	f(`%Ts.%ms`, `1233922454.655`, at)
	f(`%ms %Tl`, `655 06/Feb/2009:13:14:14 +0100`, at)
	f(`%ms %trg`, `655 06/Feb/2009:12:14:14 +0000`, `@timestamp=1233922454000000000`) // they are of another moment
	f(`%{+X}Ts`, `498C2916`, `@timestamp=1233922326000000000`)
	f(`%[accept_date] %ms`, `1233922454 655`, at)
	f(`%[date(ms)] %Ta`, `1233922455655 1000`, at) // it was written when all was over
	f(`%[request_date(ms)]`, `1233922454655`, at)
	f(`%[date(us),ms_ltime("%Y-%m-%dT%H:%M:%S.%3N%z")] %tr`, `2009-02-06T13:00:00.655+0100 `+when, at)
	f(`%[accept_date(ms),ms_utime("%d/%b/%Y:%H:%M:%S.%3N")]`, when, at)
	f(`%[request_date,utime(%Y%m%d %H%M%S)]`, `20090206 121414`, `@timestamp=1233922454000000000`)
	f(`%[date,utime(%A)] %t`, `Friday `+when, at)
	f(`%Ts`, `-`, `no_time at 0`)

	// who answered, and how long it took
	f(`%t %ft %b/%s`, when+` fe~ be/srv1`, `service.name=be`, `url.scheme=https`, `gateway.upstream.address=srv1`)
	f(`%t %ft`, when+` fe~`, `service.name=fe`, `url.scheme=https`)
	f(`%t %{+Q}f %s %si:%sp`, when+` "fe" srv1 2001:db8::1:8080`, `service.name=fe`, `gateway.upstream.address=2001:db8::1:8080`)
	f(`%t %s %si`, when+` <NOSRV> -`, `!gateway.upstream.address=-`, `!gateway.upstream.address=<NOSRV>`)
	f(`%t %si:%sp %rc`, when+` -:- 0`, `!gateway.upstream.tries=1`)
	f(`%t %s %rc`, when+` s +2`, `gateway.upstream.tries=3`)
	f(`%t %rc`, when+` 2`, `gateway.upstream.tries=3`)
	f(`%t %Tt %Tu %Ta %Tc/%Tr`, when+` 9 8 +7 1/2`, `event.duration=7000000`, `gateway.upstream.duration=3000000`)
	f(`%t %Tt %Tu %Tr`, when+` 9 8 2`, `event.duration=8000000`, `gateway.upstream.duration=2000000`)
	f(`%t %Tc %Tr %Ta`, when+` -1 -1 30`, `event.duration=30000000`, `!gateway.upstream.duration=0`)
	f(`%t %Tw/%Tc/%Tt`, when+` 0/1/5`, `event.duration=5000000`, `!gateway.upstream.duration=1000000`)
	f(`%t %[bc.timer.connect] %[res.timer.hdr] %[txn.timer.total]`, when+` 1 2 4`, `event.duration=4000000`, `gateway.upstream.duration=3000000`)
	f(`%t %ST %B %U %tsc`, when+` -1 +12 3 SC--`, `!http.response.status_code=-1`, `http.response.bytes=12`, `http.request.bytes=3`, `gateway.flags=SC--`)
	f(`%t %ST`, when+` abc`, `bad_number at 26`)
	f(`%t %Ta`, when+` 1x`, `bad_number at 26`)

	// clients
	f(`%t %[src]:%[src_port] %[be_name]/%[srv_name] %[txn.status]`, when+` 2001:db8::7:80 be/s1 200`, `source.ip=2001:db8::7`, `source.port=80`, `service.name=be`, `gateway.upstream.address=s1`, `http.response.status_code=200`)
	f(`%t %ci:%cp x`, when+` 2001:db8::7:80 x`, `source.ip=2001:db8::7`, `source.port=80`)
	f(`%t %{+X}ci:%{+X}cp`, when+` CB007107:1F90`, `source.ip=203.0.113.7`, `source.port=8080`)
	f(`%t %{+X}ci`, when+` 20010DB8000000000000000000000007`, `source.ip=2001:db8::7`)
	f(`%t %{+X}ci`, when+` 20010DB8`+`00`, `bad_number at 26`)
	f(`%t %ci:%cp "%[req.hdr(X-Forwarded-For)]"`, when+` 10.0.0.1:80 "203.0.113.7, 10.0.0.2"`, `source.ip=203.0.113.7`, `!source.port=80`)
	f(`%t %{+Q}ci`, when+` "unix"`, `source.ip=unix`)

	// requests
	f(`%t %r %ST`, when+` GET /a?b HTTP/1.1 200`, `url.original=/a?b`, `http.request.method=GET`, `http.version=1.1`, `http.response.status_code=200`)
	f(`%t %r %ST`, when+` GET /cut-off 200`, `url.original=/cut-off`, `http.response.status_code=200`)
	f(`%t %r %ST`, when+` <BADREQ> 400`, `!url.original=<BADREQ>`, `http.response.status_code=400`)
	f(`%t "%r" %{-Q}ST`, when+` "GET /a#22b HTTP/2.0" 200`, `url.original=/a"b`, `http.version=2`)
	f(`%t %HM %HP%HQ %HV`, when+` GET https://shop.example/a?b HTTP/2.0`, `url.original=https://shop.example/a?b`, `url.path=/a`, `url.query=b`, `url.domain=shop.example`, `http.version=2`)
	f(`%t %HM %HPO %HQ %HV`, when+` GET /a ?b HTTP/1.1`, `url.original=/a?b`, `url.path=/a`, `url.query=b`)
	f(`%t %HM %HPO %HQ %HV`, when+` GET /a HTTP/1.1`, `url.original=/a`, `http.version=1.1`)
	f(`%t %HM %HPO %HQ %HV`, when+` GET /a  HTTP/1.1`, `url.original=/a`, `http.version=1.1`)
	f(`%t %HM %HPO %HQ %HV`, when+` OPTIONS   HTTP/1.1`, `http.request.method=OPTIONS`, `http.version=1.1`)
	f(`%t %HM %HPO %HQ %HV`, when+` OPTIONS HTTP/1.1`, `http.request.method=OPTIONS`, `http.version=1.1`)
	f(`%t %HM %HPO %HQ %HV`, when+` <BADREQ> <BADREQ> <BADREQ> <BADREQ>`, at, `!http.request.method=<BADREQ>`, `!url.path=<BADREQ>`)
	f(`%t "%[capture.req.method] %[capture.req.uri] %[capture.req.ver]"`, when+` "GET /a HTTP/1.1"`, `http.request.method=GET`, `url.original=/a`, `http.version=1.1`)
	f(`%t %[method] %[path] %{+Q}[query]`, when+` GET /a "b=c"`, `url.path=/a`, `url.query=b=c`)
	f(`%t %ST %{+Q}r`, when+` 200 "GET /cut-off-by-syslo`, `url.original=/cut-off-by-syslo`)
	f(`%t %{+Q}r %ST`, when+` "GET /cut-off-by-syslo`, `truncated at 48`)

	f(`%{+Q}o%t %{Q}b %{-Q}s %{+Q,-E}f`, when+` "be" s1 "fe"`, `service.name=be`, `gateway.upstream.address=s1`)

	// what +E and the converter json write
	f(`%t "%{+E}[req.hdr(user-agent)]" %ST`, when+` "a\"b\\\]c" 200`, `user_agent.original=a"b\]c`, `http.response.status_code=200`)
	f(`{"t":"%t","u":"%[req.fhdr(User-Agent),json(utf8s)]","s":%ST}`, `{"t":"`+when+`","u":"a\"b\u00e9","s":200}`, `user_agent.original=a"bé`, `http.response.status_code=200`)

	// what clients write into the line
	f(`%t %{+Q}[req.hdr(user-agent)] %ST %B`, when+` "x" 500 1" 200 7`, `user_agent.original=x" 500 1`, `http.response.status_code=200`, `http.response.bytes=7`)
	f(`%t %[ssl_fc_sni] %ST`, when+` a b 500 200`, `url.domain=a b 500`, `http.response.status_code=200`)
	f(`%t %CC %CS %ST %{+Q}[req.hdr(user-agent)]`, when+` - - 200 "x" 500 "y"`, `user_agent.original=x" 500 "y`, `http.response.status_code=200`)
	f(`%t %CC %CS %ST %{+Q}[req.hdr(user-agent)]`, when+` S=a b - 200 "curl"`, `user_agent.original=curl`, `http.response.status_code=200`)
	f(`%t %[var(a)] "%[req.hdr(user-agent)]" "%[req.hdr(host)]" %ST`, when+` a "x" 500 "y" "shop.example" 200`, `var(a)->service.name`, `service.name=a`, `user_agent.original=x" 500 "y`,
		`url.domain=shop.example`, `http.response.status_code=200`)
	f(`%t "%[req.hdr(user-agent)]" %ST "%[var(a)]" "%[req.hdr(host)]"`, when+` "x" 500 "y" 200 "a" "b"`, `var(a)->service.name`, `http.response.status_code=200`)
	f(`%t %CC %tr %hr %hs %{+Q}r %Tr/%Ta`, when+` S=a b `+when+` {a|b} {c} "GET / HTTP/1.1" 1/2`, `request.2->user_agent.original`, `response.1->gateway.cache`,
		`user_agent.original=b`, `gateway.cache=c`, `event.duration=2000000`)
	f(`%t %CC %hr %hs %{+Q}r %r`, when+` S=a b {a|b} "GET / HTTP/1.1" GET / HTTP/1.1`, `request.2->user_agent.original`, `response.1->gateway.cache`, `user_agent.original=b`, `!gateway.cache=a`)
	f(`%t %CC %hr %hs %{+Q}r`, when+` S=a b "GET / HTTP/1.1"`, `url.path=/`)
	f(`%t %CC %HM %HPO %HQ`, when+` S=a b GET /a`, `url.original=/a`)
	f(`%t %CC %HM %HPO %HQ %ST`, when+` S=a b GET /a  200`, `url.original=/a`, `http.response.status_code=200`)
	f(`%t %CC %ci:%cp %r %ST`, when+` S=a b 203.0.113.7:80 GET /a HTTP/1.1 200`, `source.ip=203.0.113.7`, `url.original=/a`)
	f(`%t %CC %r %ST`, when+` S=a b <BADREQ> 400`, `http.response.status_code=400`)
	f(`%t %ST %[req.hdr(x)]`, when+` 200 ten`, `req.hdr(x)->http.request.bytes`, `http.response.status_code=200`, `!http.request.bytes=0`)

	// captured headers
	f(`%t %hr %hs %ST`, when+` 200`, `http.response.status_code=200`)
	f(`%t %ST %hr %hs`, when+` 200`, `http.response.status_code=200`)
	f(`%t %ST %hr %hs`, when+` 200 {a|b#7C}`, `request.2->url.domain`, `url.domain=b|`)
	f(`%hr %t`, when, at)
	f(`%hr %t`, `{x y} `+when, `request.1->user.name`, `user.name=x y`)
	f(`%t %{+Q}hr %{+Q}hs %ST`, when+` "{a|b}" "{c}" 200`, `request.2->url.domain`, `response.1->user.name`, `url.domain=b`, `user.name=c`)
	f(`%t %{+Q}hrl %ST`, when+` "a b" "" "c" 200`, `request.1->url.domain`, `request.3->user.name`, `url.domain=a b`, `user.name=c`, `http.response.status_code=200`)
	f(`%t %{+Q}hrl %{+Q}hsl`, when+` "a" "b"`, `request.2->url.domain`, `url.domain=b`)
	f(`%t %ST %hrl %hsl`, when+` 200 a - c`, `request.3->url.domain`, `url.domain=c`)
	f(`%t %{+Q}CC %{+Q}hrl`, when+` "S=a" "b" "c"`, `request.1->url.domain`, `%CC->user.name`, `user.name=S=a`, `url.domain=b`)
	f(`%t %{+E}hr %ST`, when+` {a\]|b\\c#7D} 200`, `request.1->url.domain`, `request.2->user.name`, `url.domain=a]`, `user.name=b\c}`)
	f(`%t %hr %ST`, when+` {a`, `truncated at 28`)

	// names
	f(`%t %(tenant:str)[var(txn.tenant)]`, when+` acme`, `tenant->service.name`, `service.name=acme`)
	f(`%t %b %[var(txn.tenant)]`, when+` be acme`, `%[var(txn.tenant)]->service.name`, `service.name=acme`)
	f(`%t %b %{+Q}[capture.req.hdr(0),regsub("[a-c)]",'"',g),lower]`, when+` be "x"`, `capture.req.hdr(0),regsub("[a-c)]",'"',g),lower->url.domain`, `url.domain=x`)
	f(`%t %Tq`, when+` +30`, `Tq->event.duration:ms`, `event.duration=30000000`)
	f(`%t %Tq`, when+` -1`, `Tq->event.duration:ms`, `!event.duration=-1000000`)
	f(`%t %s`, when+` <NOSRV>`, `%s->gateway.stage`, `!gateway.stage=<NOSRV>`)
	f(`%t %ID %pid %XY%%`, when+` 1:2 7 new%`, `http.request.id=1:2`)
	f(`  %t   x  `, when+` x`, at)

	// what is no record
	f(`%t x`, when+` y`, `unexpected at 26`)
	f(`%t x`, when, `truncated at 25`)
	f(`x%t`, `y`+when, `unexpected at 1`)
	f(`%t x`, when+` xy`, `unexpected at 27`)
	f(`%t`, `Proxy fe started.`, `blank at 0`)
	f(`Proxy %t %ST`, `Proxy `+when+` 200`, `http.response.status_code=200`)
	f(`%t: %ST`, `<134>1 2026-02-06T12:14:14Z lb haproxy 7 - - `+when+`: 200`, `http.response.status_code=200`)
	f(`%[date,utime(%FT%TZ)] %ci: %ST`, `2026-02-06T12:14:14Z 203.0.113.7: 200`, `source.ip=203.0.113.7`) // which looks like a syslog header
}

// TestCapturesOfOnePlace: of two captured headers with the same place always the same one counts, in any process.
func TestCapturesOfOnePlace(t *testing.T) {
	fields := map[string]field.Op{}
	for _, name := range []string{"request.1", "request.2", "request.3"} {
		fields[name] = field.Op{Action: field.Text, Field: record.User}
	}
	const want, head = "user.name=c", "203.0.113.7:80 [06/Feb/2009:12:14:14.655] fe be/s 0/0/0/0/1 200 9 - - ---- 1/1/0/0/0 0/0 "
	for range 20 {
		captures, err := NewCaptures(fields)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{
			described(New(captures), head+`{a|b|c} {} "GET / HTTP/1.1"`), read(t, `%tr %hr`, `06/Feb/2009:12:14:14.655 {a|b|c}`, fields),
		} {
			if !strings.Contains(got, want) {
				t.Fatalf("%s, want %s", got, want)
			}
		}
	}
}
