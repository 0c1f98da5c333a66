package kafka

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
)

// health keeps what does not work now. Each problem is said when it comes and when it goes, and not in between.
type health struct {
	log  *slog.Logger
	mu   sync.Mutex
	fail map[string]error // by what does not work
}

// is notes that what does not work, or that it does when err is nil.
func (h *health) is(what string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.fail[what]
	switch {
	case err == nil && before == nil:
		return
	case err == nil:
		delete(h.fail, what)
		if len(h.fail) == 0 {
			h.log.Info("kafka works again")
		}
		return
	case before == nil && !h.has(err):
		h.log.Error("kafka does not work; trying again until it does", "what", what, "error", explain(err))
	}
	if h.fail == nil {
		h.fail = map[string]error{}
	}
	h.fail[what] = err
}

// has reports whether another problem is the same: when a broker is gone, all its partitions say so.
func (h *health) has(err error) bool {
	for _, other := range h.fail {
		if other.Error() == err.Error() {
			return true
		}
	}
	return false
}

// forget drops problems of what is no longer ours to know.
func (h *health) forget(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.fail, what)
}

// err returns what does not work, nil when all does.
func (h *health) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.fail) == 0 {
		return nil
	}
	const most = 5
	var all []string
	for _, what := range slices.Sorted(maps.Keys(h.fail)) {
		if len(all) == most {
			all = append(all, fmt.Sprintf("and %d more", len(h.fail)-most))
			break
		}
		all = append(all, what+": "+explain(h.fail[what]).Error())
	}
	return errors.New(strings.Join(all, "; "))
}

// explain says what an error means to whoever has to do something about it.
func explain(err error) error {
	hints := []struct {
		is   error
		hint string
	}{
		{kafkago.SASLAuthenticationFailed, "the broker refuses the username or the password, or the AWS identity: its policy has to allow kafka-cluster:Connect"},
		{kafkago.UnsupportedSASLMechanism, "the broker does not offer this sasl mechanism"},
		{kafkago.IllegalSASLState, "the broker wants no login on this port, or another kind"},
		{kafkago.UnknownTopicOrPartition, "the topic or partition does not exist"},
		{kafkago.TopicAuthorizationFailed, "this user may not read the topic"},
		{kafkago.GroupAuthorizationFailed, "this user may not use the group"},
		{kafkago.GroupCoordinatorNotAvailable, "no broker coordinates the group"},
		{kafkago.InvalidSessionTimeout, "the broker does not allow this session_timeout"},
		{kafkago.InconsistentGroupProtocol, "members of another kind are in the group: it has to be gatemeter's own"},
		{kafkago.LeaderNotAvailable, "no broker leads the partition"},
		{kafkago.OffsetMetadataTooLarge, "the broker's offset.metadata.max.bytes is too small for the cursor"},
	}
	for strings.HasPrefix(err.Error(), "kafka.(*Client).") && errors.Unwrap(err) != nil { // which call it was helps nobody
		err = errors.Unwrap(err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the broker closes the connection: it may want TLS, a login, or another password (%w)", err)
	}
	for _, h := range hints {
		if errors.Is(err, h.is) {
			return fmt.Errorf("%s (%w)", h.hint, err)
		}
	}
	return err
}
