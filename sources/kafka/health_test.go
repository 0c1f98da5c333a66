package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
)

// TestHealth: what fails is said when it begins to, also when many things fail for the same reason, and when all works again.
func TestHealth(t *testing.T) {
	var log bytes.Buffer
	h := &health{log: slog.New(slog.NewTextHandler(&log, nil))}
	said := func(want int, text string) {
		t.Helper()
		if got := strings.Count(log.String(), text); got != want {
			t.Errorf("%q is said %d times, want %d: %s", text, got, want, log.String())
		}
	}
	refused := errors.New("connection refused")
	for range 3 {
		for i := range 12 {
			h.is(fmt.Sprint("partition ", i), refused)
		}
	}
	said(1, "refused")
	if got := h.err().Error(); !strings.Contains(got, "and 7 more") || strings.Count(got, "refused") != 5 {
		t.Errorf("%s", got)
	}
	h.is("group g", kafkago.GroupAuthorizationFailed)
	said(1, "may not use the group")
	for i := range 12 {
		h.is(fmt.Sprint("partition ", i), nil)
	}
	said(0, "works again")
	h.is("group g", nil)
	h.is("group g", nil)
	said(1, "works again")
	if err := h.err(); err != nil {
		t.Error(err)
	}
	h.is("a", refused)
	said(2, "refused")
	h.forget("a")
	if err := h.err(); err != nil {
		t.Error(err)
	}
}

func TestExplain(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if got := explain(err); !strings.HasPrefix(got.Error(), want) {
			t.Errorf("%v: %v, want %s", err, got, want)
		}
	}
	f(fmt.Errorf("kafka.(*Client).OffsetCommit: %w", io.ErrUnexpectedEOF), "the broker closes the connection")
	f(fmt.Errorf("kafka.(*Client).Metadata: %w", errors.New("no route")), "no route")
	f(fmt.Errorf("x: %w", kafkago.SASLAuthenticationFailed), "the broker refuses the username")
	f(kafkago.OffsetMetadataTooLarge, "the broker's offset.metadata.max.bytes")
}
