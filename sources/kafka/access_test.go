package kafka

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// TestUnready: what does not work is named and said once, and works when it can.
func TestUnready(t *testing.T) {
	f := func(name string, set func(*Settings), want string, options ...kfake.Opt) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options...)
			m := w.start(set)
			w.await(func() error {
				if err := m.source.Ready(); err == nil || !strings.Contains(err.Error(), want) {
					return fmt.Errorf("ready is %v, want %q", err, want)
				}
				if n := m.said.count("level=ERROR"); n != 1 {
					return fmt.Errorf("%d errors are said", n)
				}
				return nil
			})
			w.await(func() error { // and goes on trying
				if m.said.count("level=ERROR") != 1 {
					t.Error("said more than once")
				}
				return nil
			})
		})
	}
	f("no broker", func(s *Settings) { s.Brokers = []string{"127.0.0.1:1"} }, "connection refused")
	f("no topic", func(s *Settings) { s.Topics = []string{"nope"} }, "topic nope: the topic or partition does not exist")
	f("one topic of two", func(s *Settings) { s.Topics = []string{"logs", "nope"} }, "topic nope: the topic or partition does not exist")
	sasl := []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "right"), kfake.Superuser("SCRAM-SHA-256", "u", "right"), kfake.Superuser("SCRAM-SHA-512", "u", "right")}
	for _, mechanism := range withPassword {
		f("wrong password "+mechanism, func(s *Settings) { s.SASL = &SASL{Mechanism: mechanism, Username: "u", Password: "wrong"} }, "or another password", sasl...)
	}
	c := servers.MakeCertificates(t)
	tlsOf := func(cert, key string) kfake.Opt {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}})
	}
	trusting := func(s *Settings) { s.TLS = &TLS{CAFile: c.CA} }
	f("an expired broker", trusting, "certificate has expired", tlsOf(c.OldCert, c.OldKey))
	f("a broker of another authority", trusting, "unknown authority", tlsOf(c.StrangeCert, c.StrangeKey))
	f("a session too short", func(s *Settings) { s.Session = time.Second }, "does not allow this session_timeout", kfake.GroupMinSessionTimeout(5*time.Second))
}

// withPassword are the mechanisms that show a name and a password.
var withPassword = []string{"plain", "scram-sha-256", "scram-sha-512"}

func TestSASL(t *testing.T) {
	for _, mechanism := range withPassword {
		t.Run(mechanism, func(t *testing.T) {
			w := newWorld(t, kfake.EnableSASL(), kfake.Superuser(strings.ToUpper(mechanism), "u", "right"))
			m := w.start(func(s *Settings) { s.SASL = &SASL{Mechanism: mechanism, Username: "u", Password: "right"} })
			w.awaitOwned(4, m)
		})
	}
}

func TestCheckTopic(t *testing.T) {
	for _, good := range []string{"a", "kong-logs", "A.b_c", "gateway-*", "g[ae]t?"} {
		if err := CheckTopic(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "a b", "a/b", "[a", strings.Repeat("x", 250), "ü"} {
		if CheckTopic(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	s := Settings{Topics: []string{"*", "x.y"}}
	if !s.wants("x.y") || !s.wants("abc") || s.wants("__consumer_offsets") {
		t.Error("wants the wrong topics")
	}
	s.Topics = []string{"__*"}
	if !s.wants("__mine") {
		t.Error("does not want what is named")
	}
}

func TestLabel(t *testing.T) {
	topic, n, err := parseLabel(label("a-b.c-1", 12))
	if topic != "a-b.c-1" || n != 12 || err != nil {
		t.Error(topic, n, err)
	}
	for _, bad := range []string{"", "a", "-1", "a-", "a-x"} {
		if topic, n, err := parseLabel(bad); err == nil {
			t.Errorf("%q is %q and %d", bad, topic, n)
		}
	}
}
