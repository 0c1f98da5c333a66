package syslog

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/gatemeter/gatemeter/sources/spool"
)

const (
	perCall     = 64       // datagrams taken in one call
	maxDatagram = 64 << 10 // bytes; no datagram is longer
)

// datagramConn is a socket for datagrams.
type datagramConn interface {
	net.PacketConn
	rawConn
}

type rawConn interface {
	SyscallConn() (syscall.RawConn, error)
}

// socket is a datagram socket that is being read.
type socket struct {
	conn    datagramConn
	granted int // bytes of its queue, 0 when that cannot be known
}

// datagrams are what one call has received.
type datagrams interface {
	// read waits for datagrams, unless wait is false, and calls f with each. from is invalid for unix sockets.
	read(wait bool, f func(datagram []byte, from netip.Addr)) error
}

// receive reads k until ctx ends.
func (s *Source) receive(ctx context.Context, k *socket) {
	defer s.shut(k)
	in := newDatagrams(k.conn)
	stop := context.AfterFunc(ctx, func() { _ = k.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	g := new(spool.Group)
	check := len(s.set.Peers) > 0
	f := func(datagram []byte, from netip.Addr) {
		if check && from.IsValid() && !s.set.Peers.Allow(from) {
			s.count.received.Add(1)
			s.count.messages[Stranger].Add(1)
			s.say("stranger", "datagrams from an address that allowed_sources does not name are left out", "peer", from.String())
			return
		}
		if len(datagram) > s.limit {
			datagram = datagram[:s.limit+1]
		}
		s.add(g, datagram)
	}
	for {
		g.Reset()
		err := in.read(ctx.Err() == nil, f)
		if g.Len() > 0 {
			g.Time = s.set.Now().UnixNano()
			s.append(ctx, g)
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			if in.read(false, f) != nil { // nothing is left in the queue
				s.append(ctx, g)
				return
			}
			s.append(ctx, g)
			continue
		}
		s.say("receive", "datagrams cannot be received", "listen", k.conn.LocalAddr().String(), "error", err)
		wait := time.NewTimer(retryAfter)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
}

// shut closes k and keeps what the kernel says it has dropped.
func (s *Source) shut(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drops += kernelDrops(k.conn)
	for i := range s.sockets {
		if s.sockets[i] == k {
			s.sockets = append(append([]*socket(nil), s.sockets[:i]...), s.sockets[i+1:]...)
			break
		}
	}
	_ = k.conn.Close()
}

// kernelDrops returns how many datagrams the kernel has dropped before the source could read them.
func (s *Source) kernelDrops() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.drops
	for _, k := range s.sockets {
		n += kernelDrops(k.conn)
	}
	return n
}

// oneByOne reads a datagram with each call, where there is no better way.
type oneByOne struct {
	conn datagramConn
	buf  []byte
}

func (r *oneByOne) read(wait bool, f func([]byte, netip.Addr)) error {
	if !wait {
		return syscall.EAGAIN
	}
	n, from, err := r.conn.ReadFrom(r.buf)
	if err != nil {
		return err
	}
	var address netip.Addr
	if udp, ok := from.(*net.UDPAddr); ok {
		address = udp.AddrPort().Addr()
	}
	f(r.buf[:n], address)
	return nil
}
