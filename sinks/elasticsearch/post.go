package elasticsearch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// post makes one request of what the server calls name (_bulk, _search) on an index, a data stream or a pattern; "" is none. Its body
// is JSON unless header says else. The answer's body is the caller's to close.
//
// The library has each of the server's some 500 requests as a type; to compile them all takes a third of a first build's time.
// So the four that are needed are made here, and a test compares them with the library's.
func (c *client) post(ctx context.Context, index, name string, query url.Values, body io.Reader, header http.Header) (*http.Response, error) {
	path := "/" + name
	if index != "" {
		path = "/" + index + path
	}
	return c.ask(ctx, http.MethodPost, path, query, body, header)
}

// ask makes one request. Its body is JSON unless header says else. The answer's body is the caller's to close.
func (c *client) ask(ctx context.Context, method, path string, query url.Values, body io.Reader, header http.Header) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, path, body)
	if err != nil {
		return nil, fmt.Errorf("make a request of %.200q: %w", path, err)
	}
	r.URL.RawQuery = query.Encode()
	if header != nil {
		r.Header = header
	} else if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return c.Perform(r)
}

// bulkQuery is the query of a bulk request, to be answered within so long; 0: no matter when.
func bulkQuery(within time.Duration) url.Values {
	q := url.Values{"filter_path": {strings.Join(filterPath, ",")}}
	if within > 0 {
		q.Set("timeout", strconv.FormatInt(within.Milliseconds(), 10)+"ms")
	}
	return q
}

// wherever is the query of a request that takes no index there is as an empty one.
func wherever() url.Values {
	return url.Values{"ignore_unavailable": {"true"}, "allow_no_indices": {"true"}}
}
