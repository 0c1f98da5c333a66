package e2e

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// udpBuffer is the kernel's queue of each receiver's socket, as large as one may have without privileges on most machines.
const udpBuffer = 4 << 20

// udpReceiver is one that datagrams are sent to.
type udpReceiver struct {
	*servers.Server
	address  string
	received func() int // datagrams
	finished func(received int) bool
}

// TestBenchUDP is `make bench-udp`: how many datagrams a second gatemeter, rsyslog and syslog-ng receive without a loss, from a paced sender on
// the same machine. GATEMETER_BENCH_UDP is the file for the result; GATEMETER_BENCH_SECONDS how long
// each rate is kept, GATEMETER_BENCH_ROUNDS how often each receiver has its turn. In a run of the tests it is small, to see that it works.
func TestBenchUDP(t *testing.T) {
	result := os.Getenv("GATEMETER_BENCH_UDP")
	rates, length, rounds := []int{2000, 4000}, 300*time.Millisecond, 1
	if result != "" {
		rates = []int{50_000, 75_000, 100_000, 150_000, 200_000}
		length, rounds = time.Duration(numberOf(t, "GATEMETER_BENCH_SECONDS", 5))*time.Second, numberOf(t, "GATEMETER_BENCH_ROUNDS", 2)
	}
	points := listenForPoints(t)
	kinds := []struct {
		name  string
		start func() *udpReceiver
	}{
		{"gatemeter: spool, metrics to Graphite", func() *udpReceiver { return udpGatemeter(t, points) }},
		{"rsyslog: a file", func() *udpReceiver { return udpFile(t, servers.ReceiveWithRsyslog) }},
		{"syslog-ng: a file", func() *udpReceiver { return udpFile(t, servers.ReceiveWithSyslogNG) }},
	}
	steps := make([][]udpStep, len(kinds))
	for i := range steps {
		steps[i] = make([]udpStep, len(rates))
	}
	before := loadAverage()
	for range rounds {
		for i, kind := range kinds {
			r := kind.start()
			for k, rate := range rates {
				s := sendPaced(t, r, rate, length)
				if i == 0 && s.received+s.dropped != s.sent {
					t.Errorf("%d received and %d dropped of %d", s.received, s.dropped, s.sent)
				}
				steps[i][k].add(s)
			}
			r.Stop()
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Syslog over UDP\n\nWritten by `make bench-udp`, %s, on %s. Load average at the start %s, at the end %s.\n\n"+
		"A sender on the same machine, with 16 sockets, keeps a rate for %v; sums of %d rounds. Each receiver has queues of %d MiB in the kernel. What\n"+
		"the kernel dropped is the `drops` of /proc/net/udp. CPU is user and system time of the receiver, until it has done with what it received:\n"+
		"gatemeter has appended it to its spool, read it back, parsed it and counted it; the others have written it to a file.\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), machine(), before, loadAverage(), length, rounds, udpBuffer>>20)
	for i, kind := range kinds {
		fmt.Fprintf(&b, "\n## %s\n\n| asked for, a second | sent, a second | sent | received | dropped by the kernel | lost otherwise | CPU µs a message |\n|---:|---:|---:|---:|---:|---:|---:|\n", kind.name)
		highest := 0.0
		for k, s := range steps[i] {
			rate := float64(s.sent) / s.took.Seconds()
			fmt.Fprintf(&b, "| %d | %.0f | %d | %d | %d | %d | %.2f |\n", rates[k], rate, s.sent, s.received, s.dropped, s.sent-s.received-s.dropped,
				s.cpu.Seconds()*1e6/float64(max(s.received, 1)))
			if s.received == s.sent {
				highest = max(highest, rate)
			}
		}
		if highest > 0 {
			fmt.Fprintf(&b, "\nNothing was lost at %.0f a second.\n", highest)
		}
	}
	t.Log(b.String())
	writeResult(t, result, b.String())
}

// udpStep is what became of datagrams at one rate.
type udpStep struct {
	sent, received, dropped int
	took, cpu               time.Duration
}

func (s *udpStep) add(o udpStep) {
	s.sent, s.received, s.dropped = s.sent+o.sent, s.received+o.received, s.dropped+o.dropped
	s.took, s.cpu = s.took+o.took, s.cpu+o.cpu
}

// udpLine is a datagram: they are all of one length.
func udpLine(n int) []byte {
	return []byte("<190>Nov 21 10:00:00 web1 nginx: " + clfLine(fmt.Sprintf("/udp/%09d", n)))
}

func udpGatemeter(t *testing.T, points *pointCounter) *udpReceiver {
	t.Helper()
	address := servers.FreeAddress(t)
	g := &receiver{t: t, instance: newInstance(t, object{
		"sources": object{"udp": object{
			"type": "syslog", "listen": []string{"udp://" + address}, "format": "combined", "receive_buffer": "4MiB", "spool": object{"max_size": "8GiB"},
		}},
		"sinks": object{"graphite": object{"type": "graphite", "address": "tcp://" + points.address, "prefix": "b"}},
	})}
	r := &udpReceiver{address: address, Server: g.live(t)}
	r.received = func() int { return int(g.metric(t, "gatemeter_syslog_received_messages_total")) }
	r.finished = func(received int) bool { return int(g.metric(t, "gatemeter_source_read_lines_total")) >= received }
	return r
}

// udpFile is a receiver that writes each datagram to a file.
func udpFile(t *testing.T, start func(t testing.TB, address, file string, buffer int) *servers.Server) *udpReceiver {
	t.Helper()
	file, address := filepath.Join(t.TempDir(), "received.log"), servers.FreeAddress(t)
	r := &udpReceiver{address: address, Server: start(t, address, file, udpBuffer)}
	servers.Await(t, within, func() error {
		if sockets, _ := udpSockets(t, address); sockets == 0 {
			return fmt.Errorf("nobody listens at %s", address)
		}
		return nil
	})
	r.received = func() int {
		info, err := os.Stat(file)
		if err != nil {
			return 0 // nothing yet
		}
		return int(info.Size()) / (len(udpLine(0)) + 1)
	}
	r.finished = func(int) bool { return true }
	return r
}

// udpSockets returns how many sockets have an address, and how many datagrams the kernel has dropped there.
func udpSockets(t *testing.T, address string) (sockets, drops int) {
	t.Helper()
	text, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		t.Fatal(err)
	}
	a, err := net.ResolveUDPAddr("udp4", address)
	if err != nil {
		t.Fatal(err)
	}
	ip := slices.Clone(a.IP.To4())
	slices.Reverse(ip)
	want := strings.ToUpper(hex.EncodeToString(ip)) + fmt.Sprintf(":%04X", a.Port)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 13 || f[1] != want {
			continue
		}
		n, err := strconv.Atoi(f[12])
		if err != nil {
			t.Fatalf("/proc/net/udp has %q", line)
		}
		sockets, drops = sockets+1, drops+n
	}
	return sockets, drops
}

// cpuOf returns the user and system time that a process has taken so far.
func cpuOf(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(after)
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("/proc/%d/stat has %q", pid, text)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // a hundred ticks a second
}

// sendPaced sends for so long at a rate, and waits until it is known what became of all.
func sendPaced(t *testing.T, r *udpReceiver, rate int, length time.Duration) (s udpStep) {
	t.Helper()
	var conns []net.Conn
	for range 16 {
		conn, err := net.Dial("udp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	received, cpu := r.received(), cpuOf(t, r.PID())
	_, drops := udpSockets(t, r.address)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	message := udpLine(0)
	began := time.Now()
	for refreshed := began; ; {
		<-tick.C
		now := time.Now()
		if now.Sub(refreshed) > 500*time.Millisecond {
			message, refreshed = udpLine(s.sent), now
		}
		elapsed := min(now.Sub(began), length)
		for due := int(elapsed.Seconds() * float64(rate)); s.sent < due; s.sent++ {
			if _, err := conns[s.sent%len(conns)].Write(message); err != nil {
				t.Fatal(err)
			}
		}
		if elapsed == length {
			break
		}
	}
	s.took = time.Since(began)
	seen, since := 0, time.Now()
	servers.Await(t, time.Minute, func() error {
		_, d := udpSockets(t, r.address)
		all := r.received()
		if n := all - received; n != s.received || d-drops != s.dropped {
			s.received, s.dropped, seen, since = n, d-drops, n, time.Now()
		}
		if (seen+s.dropped >= s.sent || time.Since(since) > 5*time.Second) && r.finished(all) {
			return nil
		}
		return fmt.Errorf("%d received and %d dropped of %d", s.received, s.dropped, s.sent)
	})
	s.cpu = cpuOf(t, r.PID()) - cpu
	return s
}
