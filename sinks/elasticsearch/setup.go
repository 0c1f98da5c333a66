package elasticsearch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What is installed, in this order: a lifecycle policy, a component template with the mapping, one with the settings, and an
// index template that puts them together for the configured data stream or index. The index template has no settings of its
// own, so that what users put into customName wins.
//
// Each carries in _meta whose it is, its version and a hash of what we made it of. It is written when there is none of that
// name, or ours of an older version or made from another config. So a template that someone else made or took over (by
// removing _meta) stays, and two starts with one config write once.

// componentName is the component template with the mapping; customName is one that users may make, to add to ours and to
// overrule it.
const (
	componentName = "gatemeter@mappings"
	customName    = "gatemeter@custom"
)

// basePriority of our index template is above that of Elastic's own logs-*-* (100) and Fleet's (200).
const basePriority = 200

// install makes one attempt to install what is missing, in a goroutine of its own.
func (k *Sink) install() {
	ctx, cancel := context.WithTimeout(k.ctx, k.config.RequestTimeout)
	defer cancel()
	t := k.setUp(ctx)
	now := time.Now()
	k.mu.Lock()
	k.running--
	if t == nil {
		k.installed = true
		k.succeed(now)
		k.limit = k.config.Concurrency
	} else {
		k.fail(t, true, now)
	}
	k.mu.Unlock()
	k.poke()
}

func (k *Sink) setUp(ctx context.Context) *trouble {
	for _, o := range k.objects() {
		if t := k.ensure(ctx, o); t != nil {
			return t
		}
	}
	return nil
}

// object is something to install.
type object struct {
	path string
	body map[string]any
	// meta leads from what GET answers to _meta; put says where it goes in body.
	meta []string
	put  func(body map[string]any, meta map[string]any)
}

// name returns what template and policy are called.
func (k *Sink) name() string {
	pattern, _ := k.target.pattern()
	return "gatemeter-" + strings.ReplaceAll(pattern, "*", "date")
}

// objects returns what is to be installed, in order.
func (k *Sink) objects() []object {
	atTop := func(body, meta map[string]any) { body["_meta"] = meta }
	var all []object
	if k.config.Lifecycle == "" {
		all = append(all, object{
			path: "_ilm/policy/" + k.name(),
			body: map[string]any{"policy": k.policy()},
			meta: []string{k.name(), "policy", "_meta"},
			put:  func(body, meta map[string]any) { atTop(body["policy"].(map[string]any), meta) },
		})
	}
	all = append(all, object{
		path: "_component_template/" + componentName,
		body: map[string]any{"version": setupVersion, "template": map[string]any{"mappings": json.RawMessage(mapping)}},
		meta: []string{"component_templates", "component_template", "_meta"},
		put:  atTop,
	}, object{
		path: "_component_template/" + k.settingsName(),
		body: map[string]any{"template": map[string]any{"settings": k.indexSettings()}},
		meta: []string{"component_templates", "component_template", "_meta"},
		put:  atTop,
	}, object{
		path: "_index_template/" + k.name(),
		body: k.template(),
		meta: []string{"index_templates", "index_template", "_meta"},
		put:  atTop,
	})
	return all
}

// policy rolls a data stream over by size and age and deletes what is older than the retention.
func (k *Sink) policy() map[string]any {
	hot := map[string]any{}
	if k.target.stream {
		age := 30 * 24 * time.Hour
		if r := k.config.Retention; r > 0 && r < age {
			age = max(r, 24*time.Hour)
		}
		hot["rollover"] = map[string]any{"max_primary_shard_size": "50gb", "max_age": inDays(age)}
	}
	phases := map[string]any{"hot": map[string]any{"min_age": "0ms", "actions": hot}}
	if k.config.Retention > 0 {
		phases["delete"] = map[string]any{"min_age": inDays(k.config.Retention), "actions": map[string]any{"delete": map[string]any{}}}
	}
	return map[string]any{"phases": phases}
}

// inDays writes d as Elasticsearch reads durations, in the largest unit that divides it.
func inDays(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func (k *Sink) settingsName() string { return k.name() + "@settings" }

func (k *Sink) indexSettings() map[string]any {
	settings := map[string]any{"index.codec": "best_compression"}
	switch k.config.Lifecycle {
	case "none":
	case "":
		settings["index.lifecycle.name"] = k.name()
	default:
		settings["index.lifecycle.name"] = k.config.Lifecycle
	}
	if k.config.Shards > 0 {
		settings["index.number_of_shards"] = k.config.Shards
	}
	if k.config.Replicas >= 0 {
		settings["index.number_of_replicas"] = k.config.Replicas
	}
	return settings
}

func (k *Sink) template() map[string]any {
	pattern, literal := k.target.pattern()
	t := map[string]any{
		"index_patterns": []string{pattern},
		// A longer name wins: two sinks may have access-%Y and access-eu-%Y, and templates of one priority must not overlap.
		"priority":                           basePriority + literal,
		"composed_of":                        []string{componentName, k.settingsName(), customName},
		"ignore_missing_component_templates": []string{customName},
		"allow_auto_create":                  true, // also where the cluster does not let indices be created on the fly
		"version":                            setupVersion,
	}
	if k.target.stream {
		t["data_stream"] = map[string]any{}
	}
	return t
}

// meta is our note in an installed object.
type meta struct {
	ManagedBy string `json:"managed_by"`
	Version   int    `json:"version"`
	Hash      string `json:"hash"`
}

const managedBy = "gatemeter"

// ensure installs o unless what is there is to stay.
func (k *Sink) ensure(ctx context.Context, o object) *trouble {
	plain, err := json.Marshal(o.body)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	sum := sha256.Sum256(plain)
	ours := meta{managedBy, setupVersion, hex.EncodeToString(sum[:8])}

	status, answer, t := k.call(ctx, http.MethodGet, o.path, nil)
	if t != nil {
		return t
	}
	if status != http.StatusNotFound {
		there := noteOf(answer, o.meta)
		switch {
		case there.ManagedBy != managedBy:
			k.log.Info("left as it is: not made by gatemeter", "path", o.path)
			return nil
		case there.Version > setupVersion || there == ours:
			return nil
		}
	}
	o.put(o.body, map[string]any{"managed_by": ours.ManagedBy, "version": ours.Version, "hash": ours.Hash})
	body, err := json.Marshal(o.body)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	if _, _, t = k.call(ctx, http.MethodPut, o.path, body); t == nil {
		k.log.Info("installed", "path", o.path)
	}
	return t
}

// noteOf returns our note in an answer to GET; path leads to it, through the first element of each list.
func noteOf(answer []byte, path []string) (m meta) {
	at := json.RawMessage(answer)
	for _, key := range path {
		var list []json.RawMessage
		if json.Unmarshal(at, &list) == nil && len(list) > 0 {
			at = list[0]
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(at, &object) != nil {
			return m
		}
		at = object[key]
	}
	_ = json.Unmarshal(at, &m) // no note: someone else's
	return m
}

// call makes one request and returns its status, and its answer if that is 2xx or 404 to a GET.
func (k *Sink) call(ctx context.Context, method, path string, body []byte) (int, []byte, *trouble) {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	var content io.Reader
	if len(body) > 0 {
		content = bytes.NewReader(body)
	}
	res, err := k.client.ask(ctx, method, "/"+strings.Join(parts, "/"), nil, content, nil)
	if err != nil {
		return 0, nil, &trouble{unreachable, err}
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxParsed))
	if err != nil {
		return 0, nil, &trouble{unreachable, fmt.Errorf("read the answer: %w", err)}
	}
	genuine := res.Header.Get("X-Elastic-Product") != ""
	switch {
	case res.StatusCode < 300:
		return res.StatusCode, answer, nil
	case res.StatusCode == http.StatusNotFound && method == http.MethodGet && genuine:
		return res.StatusCode, nil, nil
	}
	var a answerReader
	kind, reason := a.failure(answer)
	t := &trouble{troubleOf(res.StatusCode, kind), fmt.Errorf("%s %s: %w", method, path, statusError(res.StatusCode, kind, reason))}
	if t.kind == unauthorized {
		t.err = fmt.Errorf("%w (to index without the privilege to manage templates, set `setup: false`)", t.err)
	}
	return res.StatusCode, nil, t
}

// Check asks the server who it is, once: for `check --dial`. It installs and stores nothing.
func Check(ctx context.Context, c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	base, err := newHTTPTransport(&c)
	if err != nil {
		return err
	}
	t := &transport{base}
	defer t.CloseIdleConnections()
	client, err := newClient(&c, t)
	if err != nil {
		return fmt.Errorf("make the Elasticsearch client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.RequestTimeout)
	defer cancel()
	var errs []error
	for range c.URLs { // the client takes the next one each time
		k := &Sink{client: client}
		status, _, t := k.call(ctx, http.MethodGet, "", nil)
		if t != nil && status != http.StatusForbidden { // known, and not allowed to ask: enough to index
			errs = append(errs, t)
		}
	}
	return errors.Join(errs...)
}
