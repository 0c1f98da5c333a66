package elasticsearch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// client is the official client's transport, which takes the nodes in turn and leaves out those that do not answer. The official Client
// over it would link every call that Elasticsearch knows into the binary: a third of its size.
type client struct {
	transport *elastictransport.Client
	genuine   atomic.Bool // an answer has said that it is Elasticsearch's
}

// newClient returns a client that makes one attempt a request through t.
func newClient(c *Config, t *transport) (*client, error) {
	nodes := make([]*url.URL, 0, len(c.URLs))
	for _, text := range c.URLs {
		u, err := url.Parse(strings.TrimRight(text, "/"))
		if err != nil {
			return nil, fmt.Errorf("url: %w", err)
		}
		nodes = append(nodes, u)
	}
	user, password := c.Username, c.Password
	if len(nodes) > 0 && nodes[0].User != nil {
		user = nodes[0].User.Username()
		password, _ = nodes[0].User.Password()
	}
	options := []elastictransport.Option{
		elastictransport.WithUserAgent("gatemeter"), elastictransport.WithURLs(nodes...), elastictransport.WithDisableRetry(), elastictransport.WithTransport(t),
	}
	switch {
	case c.APIKey != "":
		options = append(options, elastictransport.WithAPIKey(c.APIKey))
	case user != "" || password != "":
		options = append(options, elastictransport.WithBasicAuth(user, password))
	}
	nodesInTurn, err := elastictransport.NewClient(options...)
	if err != nil {
		return nil, err
	}
	return &client{transport: nodesInTurn}, nil
}

var errNotElasticsearch = errors.New("the server is not Elasticsearch: it does not say so in X-Elastic-Product")

// node returns the node that the transport has chosen for r. Whoever logs in does not stand in it.
func node(r *http.Request) string { return r.URL.Scheme + "://" + r.URL.Host }

// Perform makes one request. It refuses a server that takes requests and never said that it is Elasticsearch.
func (c *client) Perform(r *http.Request) (*http.Response, error) {
	res, err := c.transport.Perform(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", node(r), err)
	}
	if res.StatusCode/100 == 2 && !c.genuine.Load() {
		if res.Header.Get("X-Elastic-Product") != "Elasticsearch" {
			_ = res.Body.Close()
			return nil, fmt.Errorf("%s: %w", node(r), errNotElasticsearch)
		}
		c.genuine.Store(true)
	}
	return res, nil
}
