package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// timeless is a line that says no time.
func timeless(path string) string {
	return `{"remote_addr":"203.0.113.7","request":"GET ` + path + ` HTTP/1.1","status":200}`
}

// TestArrivalIsKept: lines without a time, received over the network, are of the windows in which they arrived, also when gatemeter is
// killed after it has sent these and reads the lines again at another time; what cannot be read at all is indexed with that time too.
func TestArrivalIsKept(t *testing.T) {
	const wave = 100
	httpAt, tcpAt := servers.FreeAddress(t), servers.FreeAddress(t)
	r := newReceiver(t, object{
		"post": object{"type": "http", "listen": []string{"http://" + httpAt}, "format": "json"},
		"tcp":  object{"type": "syslog", "listen": []string{"tcp://" + tcpAt}, "format": "json"},
	}, true)
	process := r.live(t)
	conn := net.Conn(nil)
	send := func(number int) {
		t.Helper()
		var err error
		if conn, err = net.Dial("tcp", tcpAt); err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		body := "{broken\n"
		for i := range wave {
			line := timeless(fmt.Sprintf("/%d-%d", number, i)) + "\n"
			body += line
			if _, err := conn.Write([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		answer, err := http.Post("http://"+httpAt, "", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status)
		}
	}
	const waves = 4
	for number := range waves {
		before := time.Now().Unix()
		send(number)
		want := map[string]int{"post": (number + 1) * wave, "tcp": (number + 1) * wave}
		r.wantTotals(want)
		if number%2 == 1 {
			process.Kill()
			process.Start()
			r.wantTotals(want)
		}
		servers.Within(within, func() bool { return time.Now().Unix() > before+1 })
	}
	process.Stop()
	r.finish()
	r.wantTotals(map[string]int{"post": waves * wave, "tcp": waves * wave})

	slots, documents := map[int64]int{}, map[int64]int{}
	for name, points := range r.graphite.Values() {
		if !strings.HasSuffix(name, ".requests.count") {
			continue
		}
		for at, text := range points {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			slots[at] += n
		}
	}
	broken := 0
	for _, doc := range r.search.Docs() {
		var source struct {
			Time time.Time `json:"@timestamp"`
			URL  struct{ Path string }
		}
		if err := json.Unmarshal(doc.Source, &source); err != nil {
			t.Fatal(err)
		}
		if source.URL.Path == "" {
			broken++
			if slots[source.Time.Unix()] == 0 {
				t.Errorf("a line that is none is of %v, when nothing came", source.Time)
			}
			continue
		}
		documents[source.Time.Unix()]++
	}
	if !maps.Equal(slots, documents) || broken != waves || len(slots) < waves {
		t.Errorf("Graphite has %v, Elasticsearch %v and %d broken", slots, documents, broken)
	}
}
