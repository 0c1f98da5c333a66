package push

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gatemeter/gatemeter/sources/envelope"
)

// Amazon Data Firehose delivers to an HTTP endpoint by a protocol of its own: docs.aws.amazon.com/firehose, "HTTP endpoint
// delivery request and response specifications". A request is JSON with records in base64, an answer is JSON with the request's
// id, and everything but 200 is tried again (413 is not).

// firehoseID is the header that marks such a request, and tells it from all others.
const firehoseID = "X-Amz-Firehose-Request-Id"

// firehoseRequest is a request's body.
type firehoseRequest struct {
	RequestID string `json:"requestId"`
	Timestamp int64  `json:"timestamp"` // Unix milliseconds
	Records   []struct {
		Data *string `json:"data"` // base64
	} `json:"records"`
}

// firehoseAnswer is an answer's body.
type firehoseAnswer struct {
	RequestID string `json:"requestId"`
	Timestamp int64  `json:"timestamp"` // Unix milliseconds
	Error     string `json:"errorMessage,omitempty"`
}

func isFirehose(r *http.Request) bool { return r.Header.Get(firehoseID) != "" }

// splitFirehose calls emit with each line in a request's body: lines as they stand, or CloudWatch Logs' compressed envelopes of
// them.
func splitFirehose(id string, body []byte, s *envelope.Splitter, emit func([]byte)) error {
	var request firehoseRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return fmt.Errorf("read a request of Firehose: %w", err)
	}
	if request.RequestID != id {
		return fmt.Errorf("read a request of Firehose: its id is %.50q, and %.50q in the header", request.RequestID, id)
	}
	if request.Records == nil {
		return errors.New("read a request of Firehose: it has no records")
	}
	var data []byte
	for i := range request.Records {
		text := request.Records[i].Data
		if text == nil {
			return fmt.Errorf("read a request of Firehose: record %d has no data", i)
		}
		if n := base64.StdEncoding.DecodedLen(len(*text)); n > cap(data) {
			data = make([]byte, n)
		}
		n, err := base64.StdEncoding.Decode(data[:cap(data)], []byte(*text))
		if err != nil {
			return fmt.Errorf("read a request of Firehose: record %d: %w", i, err)
		}
		if err := s.Split(data[:n], emit); err != nil {
			return fmt.Errorf("read a request of Firehose: record %d: %w", i, err)
		}
	}
	return nil
}
