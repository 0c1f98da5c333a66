package push

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// secret is the fingerprint of something that a request must show. Comparing fingerprints takes the same time whatever is shown.
type secret [sha256.Size]byte

func newSecret(parts ...string) secret {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return secret(h.Sum(nil))
}

func (s secret) is(other secret) bool { return subtle.ConstantTimeCompare(s[:], other[:]) == 1 }

// door is what lets requests in.
type door struct {
	open                   bool // nothing has to be shown
	user, token, accessKey *secret
}

func newDoor(s *Settings) *door {
	d := &door{open: s.Username == "" && s.Token == "" && s.AccessKey == ""}
	if s.Username != "" {
		k := newSecret(s.Username, s.Password)
		d.user = &k
	}
	if s.Token != "" {
		k := newSecret(s.Token)
		d.token = &k
	}
	if s.AccessKey != "" {
		k := newSecret(s.AccessKey)
		d.accessKey = &k
	}
	return d
}

// admits reports whether r shows what it must.
func (d *door) admits(r *http.Request) bool {
	if d.open {
		return true
	}
	admitted := false
	if user, password, ok := r.BasicAuth(); ok && d.user != nil {
		admitted = d.user.is(newSecret(user, password))
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && d.token != nil && strings.EqualFold(scheme, "bearer") {
		admitted = d.token.is(newSecret(strings.TrimSpace(token))) || admitted
	}
	if key := r.Header.Get("X-Amz-Firehose-Access-Key"); key != "" && d.accessKey != nil {
		admitted = d.accessKey.is(newSecret(key)) || admitted
	}
	return admitted
}

// challenge returns the header that tells a client how to show itself.
func (d *door) challenge() string {
	if d.user != nil {
		return `Basic realm="gatemeter", charset="UTF-8"`
	}
	return `Bearer realm="gatemeter"`
}
