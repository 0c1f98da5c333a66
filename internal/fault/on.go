//go:build faults

package fault

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// plan is what the environment asks for, by point. It is read once.
var plan = sync.OnceValue(func() map[string]*point {
	p, err := parse(os.Getenv("GATEMETER_FAULTS"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "GATEMETER_FAULTS:", err)
		os.Exit(2)
	}
	return p
})

type point struct {
	hits    atomic.Int64
	actions []action
}

type action struct {
	from, to int64 // hits, both included
	what     string
	delay    time.Duration
}

// At is a point. The error is one that the caller has to treat as if what it is about to do, or has done, had failed.
func At(name string) error {
	p := plan()[name]
	if p == nil {
		return nil
	}
	hit := p.hits.Add(1)
	for _, a := range p.actions {
		if hit < a.from || hit > a.to {
			continue
		}
		switch a.what {
		case "kill":
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // it comes at once, but not before this
		case "stop":
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		case "delay":
			time.Sleep(a.delay)
		case "fail":
			return fmt.Errorf("fault %s, hit %d", name, hit)
		}
	}
	return nil
}

func parse(spec string) (map[string]*point, error) {
	points := map[string]*point{}
	for _, one := range strings.FieldsFunc(spec, func(r rune) bool { return r == ',' || r == ' ' }) {
		part := strings.Split(one, ":")
		if len(part) < 2 || len(part) > 3 || !slices.Contains(Points(), part[0]) {
			return nil, fmt.Errorf("%q is not POINT:ACTION[:HITS] with a point of %q", one, Points())
		}
		a := action{from: 1, to: 1<<63 - 1}
		var value string
		a.what, value, _ = strings.Cut(part[1], "=")
		var err error
		switch a.what {
		case "kill", "stop", "fail":
		case "delay":
			if a.delay, err = time.ParseDuration(value); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%q: no action %q", one, a.what)
		}
		if len(part) == 3 {
			first, last, ok := strings.Cut(part[2], "-")
			if !ok {
				last = first
			}
			if a.from, err = strconv.ParseInt(first, 10, 64); err == nil {
				a.to, err = strconv.ParseInt(last, 10, 64)
			}
			if err != nil {
				return nil, fmt.Errorf("%q: %w", one, err)
			}
		}
		p := points[part[0]]
		if p == nil {
			p = &point{}
			points[part[0]] = p
		}
		p.actions = append(p.actions, a)
	}
	return points, nil
}
