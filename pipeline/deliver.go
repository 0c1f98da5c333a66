package pipeline

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gatemeter/gatemeter/internal/fault"
	"github.com/gatemeter/gatemeter/pipeline/point"
)

// leaseWait is how long to wait before looking again whether this process may send for a shard.
const leaseWait = 50 * time.Millisecond

// run sends until ctx ends.
func (l *lane) run(ctx context.Context) {
	var spooler sync.WaitGroup
	defer spooler.Wait()
	if l.set.Spool != nil {
		spooler.Go(func() { l.spool(ctx) })
	}
	failures := 0
	for {
		panes, trim, moves, err := l.spooled()
		if err != nil && !l.unreadable(ctx, err) {
			return
		}
		var look <-chan time.Time
		if len(panes) == 0 && err == nil {
			panes = l.take(moves)
			if l.waitsForLease() {
				look = time.After(leaseWait)
			}
		}
		if len(panes) == 0 {
			select {
			case <-l.wake:
				continue
			case <-look:
				continue
			case <-ctx.Done():
				return
			}
		}
		if !l.deliver(ctx, panes, &failures) {
			return
		}
		if trim > 0 {
			l.set.Spool.Trim(trim)
		}
	}
}

// deliver sends panes until the sink has them all, or, if it may be sent nothing twice, until they were tried once. It reports
// whether the run goes on. failures is how many attempts in a row have failed.
func (l *lane) deliver(ctx context.Context, panes []queued, failures *int) bool {
	for {
		var send []*point.Pane
		if panes, send = l.begin(panes); len(send) == 0 {
			return true
		}
		err := l.send(ctx, send)
		if ctx.Err() != nil && err != nil {
			return false // not confirmed: the next run sends them
		}
		if err == nil {
			if *failures > 0 {
				l.all.Log.Info("sink is back", "sink", l.set.Name, "failed_attempts", *failures)
			}
			*failures = 0
			l.done(send, nil)
			return true
		}
		if *failures == 0 {
			l.all.Log.Error("sink failed; trying again until it is back", "sink", l.set.Name, "error", err)
		}
		*failures++
		giveUp := l.set.Discarding && !l.set.AtLeastOnce // part of them may have arrived: sending again could double it
		if giveUp {
			l.done(send, err)
		} else {
			l.failed(err)
		}
		if !pause(ctx, backoff(*failures, l.all.Rand)) {
			return false
		}
		if giveUp {
			return true
		}
	}
}

func (l *lane) send(ctx context.Context, panes []*point.Pane) error {
	if err := fault.At("panes.sending"); err != nil {
		return err
	}
	return cmp.Or(l.sink.Send(ctx, panes), fault.At("panes.sent"))
}

// begin returns those of panes that may be sent, which from here on counts as being done. The others go back to the queue, as long
// as it is not known whether this process still has their shard, or are dropped.
func (l *lane) begin(panes []queued) (now []queued, send []*point.Pane) {
	clock := l.all.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	var back []queued
	for _, q := range panes {
		switch q.shard.lease(clock) {
		case held:
			now, send = append(now, q), append(send, q.pane)
		case expired:
			back = append(back, q)
			l.points += q.pane.Len()
		case ended:
			l.leftBehind()
		}
	}
	if len(back) > 0 {
		l.queue = append(back, l.queue...)
		slices.SortStableFunc(l.queue, func(a, b queued) int { return cmp.Compare(a.epoch, b.epoch) })
	}
	l.inHand, l.sending = send, none
	if len(now) > 0 && now[0].epoch > 0 {
		l.sending = now[0].epoch
	}
	if len(now) < len(panes) {
		l.notify()
	}
	return now, send
}

// done notes that panes are with the sink, or, with err, that they are given up.
func (l *lane) done(panes []*point.Pane, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inHand, l.sending, l.stuck = nil, none, err != nil
	if err == nil {
		for _, p := range panes {
			l.stats.Points += int64(p.Len())
			l.stats.Newest = max(l.stats.Newest, p.End)
		}
		l.stats.Panes += int64(len(panes))
		l.stats.LastError = ""
	} else {
		l.stats.Failures++
		l.stats.LastError = err.Error()
		l.stats.LostPanes += int64(len(panes))
	}
	l.notify()
}

func (l *lane) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inHand, l.stuck = nil, true
	l.stats.Failures++
	l.stats.LastError = err.Error()
	l.notify()
}

// backoff returns how long to wait after that many failures in a row: 100 ms doubled up to 15 s, less up to a half.
func backoff(failures int, random func() float64) time.Duration {
	d := min(100*time.Millisecond<<min(failures-1, 10), 15*time.Second)
	return d - time.Duration(random()*float64(d)/2)
}

// pause waits for d and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
