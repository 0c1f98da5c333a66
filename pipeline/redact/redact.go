// Package redact keeps secrets and, when asked, persons out of everything that leaves: metrics, records, dead letters, logs.
//
// Secrets are masked in the raw line before it is parsed, in place and byte for byte, so that whatever is later cut out of
// the line agrees. Lines that are stored nowhere need not be (pipeline.BareParser). Line goes from sign to sign, `=` and `:` however
// they are spelled (sign.go), passes those by whose name ends like no secret's (doubtful.go, harmless.go), reads the name before the
// others backwards (name.go) and, when it is a secret's, masks the value of a parameter (parameter.go) or a member of JSON (member.go,
// quote.go). So a line costs one search for each kind of sign, whatever its format is. Addresses and users are changed in
// the record (person.go); the raw line then does not leave at all.
//
// Where it is not certain how far a secret reaches, more is masked rather than less. What is masked never holds a byte that
// ends a field of the log, so a masked line parses as the line did.
package redact

import (
	"fmt"
	"slices"
)

// Config says what to redact.
type Config struct {
	Query     []string // names of query parameters and JSON members whose values are masked; `default` stands for DefaultNames
	Addresses string   // keep, truncate (IPv4 to /24, IPv6 to /48) or hash; empty: keep
	Users     string   // keep, drop or hash; empty: keep
	Salt      []byte   // of the hashes: whoever has it can try names
}

// DefaultNames are the names that are masked unless the config says otherwise. `code`, an OAuth code too, is not among them:
// many logs have a status under that name. Nor is any name that could mean a person rather than a secret.
func DefaultNames() []string {
	return []string{
		"token", "access_token", "id_token", "refresh_token", "auth_token", "x_auth_token", "csrf_token", "jwt",
		"password", "passwd", "pwd", "passphrase", "secret", "client_secret",
		"key", "api_key", "x_api_key", "subscription_key", "auth", "authorization", "proxy_authorization",
		"signature", "sig", "x_amz_signature", "x_amz_security_token", "x_amz_credential", "x_goog_signature",
		"session", "session_id", "jsessionid", "phpsessid", "cookie", "set_cookie", "saml_response",
		"http_authorization", "http_cookie", "http_x_api_key",
	}
}

// Redactor redacts. It is not changed by use: any number of goroutines may share it.
type Redactor struct {
	names     [maxName + 1][]string // folded, by length
	any       bool
	endings   endings
	addresses string
	users     string
	salt      []byte
}

// maxName is the longest name that can be masked, in bytes.
const maxName = 40

// maxNames bounds how many names there are.
const maxNames = 1000

// New returns a Redactor for c. Case, `_` and `-` in a name make no difference: api_key is also apiKey, API-Key and apikey.
func New(c Config) (*Redactor, error) {
	r := &Redactor{addresses: c.Addresses, users: c.Users, salt: c.Salt}
	if len(c.Query) > maxNames {
		return nil, fmt.Errorf("redact: %d names: at most %d can be had", len(c.Query), maxNames)
	}
	r.endings.bytes.addPairs()
	for _, n := range withDefaults(c.Query) {
		folded, err := fold(n)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(r.names[len(folded)], folded) {
			r.names[len(folded)] = append(r.names[len(folded)], folded)
			r.endings.add(folded)
		}
		r.any = true
	}
	if !slices.Contains([]string{"", "keep", "truncate", "hash"}, c.Addresses) {
		return nil, fmt.Errorf("redact addresses %.200q: keep, truncate and hash are known", c.Addresses)
	}
	if !slices.Contains([]string{"", "keep", "drop", "hash"}, c.Users) {
		return nil, fmt.Errorf("redact users %.200q: keep, drop and hash are known", c.Users)
	}
	return r, nil
}

// withDefaults returns names with DefaultNames in the place of `default`.
func withDefaults(names []string) []string {
	if i := slices.Index(names, "default"); i >= 0 {
		return slices.Replace(slices.Clone(names), i, i+1, DefaultNames()...)
	}
	return names
}

// fold returns name as names are compared.
func fold(name string) (string, error) {
	if len(name) > maxName {
		return "", fmt.Errorf("redact %.200q: a name has 1 to %d bytes", name, maxName)
	}
	var folded []byte
	for _, c := range []byte(name) {
		switch kinds[c] {
		case inName:
			folded = append(folded, lower(c))
		case dash:
		default:
			return "", fmt.Errorf("redact %.200q: a name has only letters, digits, _ and -", name)
		}
	}
	if len(folded) == 0 {
		return "", fmt.Errorf("redact %.200q: a name has 1 to %d bytes", name, maxName)
	}
	return string(folded), nil
}

// known reports whether a folded name is to be masked.
func (r *Redactor) known(folded []byte) bool {
	for _, k := range r.names[len(folded)] {
		if k == string(folded) {
			return true
		}
	}
	return false
}
