package deadletter

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Cause is letters that were refused alike.
type Cause struct {
	Sink    string    `json:"sink"`
	Status  int       `json:"status"`
	Type    string    `json:"type"`
	Reason  string    `json:"reason"` // of the newest
	Letters int       `json:"letters"`
	Newest  time.Time `json:"newest"`
	ID      string    `json:"id"` // of the newest
}

// Causes groups letters by sink, status and type, the most frequent first.
func Causes(letters []*Entry) []Cause {
	type key struct {
		sink   string
		status int
		kind   string
	}
	at := map[key]int{}
	var causes []Cause
	for _, e := range letters {
		k := key{e.Sink, e.Status, e.Type}
		i, ok := at[k]
		if !ok {
			i = len(causes)
			at[k] = i
			causes = append(causes, Cause{Sink: e.Sink, Status: e.Status, Type: e.Type})
		}
		c := &causes[i]
		c.Letters++
		if !e.Time.Before(c.Newest) {
			c.Newest, c.Reason, c.ID = e.Time, e.Reason, e.ID
		}
	}
	slices.SortStableFunc(causes, func(a, b Cause) int { return cmp.Compare(b.Letters, a.Letters) })
	return causes
}

// WriteCauses writes a table of causes.
func WriteCauses(w io.Writer, causes []Cause) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "LETTERS\tSINK\tSTATUS\tTYPE\tNEWEST\tSAYS")
	for _, c := range causes {
		fmt.Fprintf(t, "%d\t%s\t%d\t%s\t%s\t%s\n", c.Letters, c.Sink, c.Status, shown(c.Type), c.Newest.UTC().Format(time.RFC3339), shown(c.Reason))
	}
	return t.Flush()
}

// shown returns s without what a terminal would obey: it is the server's words, and may quote a line of a stranger.
func shown(s string) string {
	q := fmt.Sprintf("%q", s)
	return q[1 : len(q)-1]
}
