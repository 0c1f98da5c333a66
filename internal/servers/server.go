package servers

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 3 * time.Minute // on two cores that others use too
	stopTimeout  = 30 * time.Second
)

// Command is what to run as a Server.
type Command struct {
	Name    string
	Args    []string     // the program and its arguments
	Env     []string     // besides the test's own
	Output  string       // file that gets stdout and stderr; the program runs in its folder
	Logs    []string     // more files to show when something is wrong
	Ready   func() error // nil once the server answers; a nil Ready: at once
	EndWith os.Signal    // asks it to end; nil: SIGTERM
}

// Server is one server process and its children. It can be stopped, killed, paused and started again, on the same ports and
// with the same files.
type Server struct {
	Command
	t       testing.TB
	running *process // nil while stopped
}

// process is one life of a Server.
type process struct {
	cmd      *exec.Cmd
	exited   chan struct{} // closed when cmd has been waited for
	err      error         // of cmd.Wait, once exited is closed
	watchdog *exec.Cmd
	leash    io.Closer // closing it makes the watchdog kill the process group
}

// Start makes a Server of c and starts it; the test stops it at its end.
func Start(t testing.TB, c Command) *Server {
	t.Helper()
	c.Logs = append(c.Logs, c.Output)
	if c.EndWith == nil {
		c.EndWith = syscall.SIGTERM
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	s := &Server{Command: c, t: t}
	t.Cleanup(s.cleanup)
	s.Start()
	return s
}

// Start starts the server, again after a Stop or Kill, and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	if s.running != nil {
		s.t.Fatalf("BUG: start %s: it is running", s.Name)
	}
	p, err := s.launch()
	if err != nil {
		s.t.Fatalf("start %s: %v", s.Name, err)
	}
	s.running = p
	Await(s.t, startTimeout, func() error {
		select {
		case <-p.exited:
			s.t.Fatalf("%s ended while starting: %v\n%s", s.Name, p.err, s.Tails())
		default:
		}
		if err := s.Ready(); err != nil {
			return fmt.Errorf("%s does not answer: %w\n%s", s.Name, err, s.Tails())
		}
		return nil
	})
}

// launch starts the process and its watchdog.
func (s *Server) launch() (*process, error) {
	out, err := os.OpenFile(s.Output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{cmd: exec.Command(s.Args[0], s.Args[1:]...), exited: make(chan struct{})}
	p.cmd.Dir = filepath.Dir(s.Output)
	p.cmd.Env = append(os.Environ(), s.Env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	// Its own group too, so that a Ctrl-C at the terminal leaves it alive to do its work.
	p.watchdog = exec.Command("/bin/sh", "-c", `read -r _; kill -9 -"$1" 2>/dev/null`, "watchdog", fmt.Sprint(p.cmd.Process.Pid))
	p.watchdog.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	leash, err := p.watchdog.StdinPipe()
	if err == nil {
		p.leash = leash
		err = p.watchdog.Start()
	}
	if err != nil {
		p.signal(syscall.SIGKILL)
		return nil, errors.Join(err, p.cmd.Wait())
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// signal sends sig to the process and all its children.
func (p *process) signal(sig syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, sig) }

// end waits until the process has ended, and takes its children with it.
func (p *process) end(within time.Duration) (inTime bool) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	select {
	case <-p.exited:
		inTime = true
	case <-deadline.C:
	}
	_ = p.leash.Close() // the watchdog kills the group
	_ = p.watchdog.Wait()
	<-p.exited
	return inTime
}

// Stop asks the server to end and waits for it.
func (s *Server) Stop() {
	s.t.Helper()
	p := s.take("stop")
	_ = p.cmd.Process.Signal(s.EndWith)
	if !p.end(stopTimeout) {
		s.t.Errorf("%s did not stop within %v and was killed\n%s", s.Name, stopTimeout, s.Tails())
	}
}

// Wait waits until the process has ended by itself, and returns what exec.Cmd's Wait says, nil for exit code 0, with the end of its logs.
func (s *Server) Wait(within time.Duration) error {
	s.t.Helper()
	p := s.running
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	select {
	case <-p.exited:
	case <-deadline.C:
		s.t.Fatalf("%s has not ended after %v\n%s", s.Name, within, s.Tails())
	}
	s.running = nil
	p.end(0)
	if p.err != nil {
		return fmt.Errorf("%w\n%s", p.err, s.Tails())
	}
	return nil
}

// Exited is closed when the process ends.
func (s *Server) Exited() <-chan struct{} { return s.running.exited }

// Kill ends the server as a crash would: SIGKILL to it and its children.
func (s *Server) Kill() {
	s.t.Helper()
	p := s.take("kill")
	p.signal(syscall.SIGKILL)
	p.end(stopTimeout)
}

// Pause stops the server from running: its sockets stay open and nothing answers.
func (s *Server) Pause() { s.running.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() { s.running.signal(syscall.SIGCONT) }

// PID returns the server's process id.
func (s *Server) PID() int { return s.running.cmd.Process.Pid }

// take returns the running process, which must not have ended by itself.
func (s *Server) take(verb string) *process {
	s.t.Helper()
	p := s.running
	if p == nil {
		s.t.Fatalf("BUG: %s %s: it is not running", verb, s.Name)
	}
	s.running = nil
	select {
	case <-p.exited:
		p.end(stopTimeout)
		s.t.Fatalf("%s died: %v\n%s", s.Name, p.err, s.Tails())
	default:
	}
	return p
}

func (s *Server) cleanup() {
	p := s.running
	if p == nil {
		return
	}
	s.running = nil
	select {
	case <-p.exited:
		s.t.Errorf("%s died: %v", s.Name, p.err)
	default:
	}
	p.signal(syscall.SIGCONT) // a paused one would not see the signal to end
	p.signal(syscall.SIGKILL) // its files go with the test's folder: nothing to save
	p.end(stopTimeout)
	if s.t.Failed() {
		s.t.Log(s.Tails())
	}
}

// Tails returns the end of each of the server's logs.
func (s *Server) Tails() string {
	const lines, most = 20, 8 << 10
	var b strings.Builder
	for _, name := range s.Logs {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		if size, err := f.Seek(0, io.SeekEnd); err == nil {
			_, _ = f.Seek(max(0, size-most), io.SeekStart)
		}
		text, _ := io.ReadAll(io.LimitReader(f, most))
		_ = f.Close()
		tail := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
		fmt.Fprintf(&b, "-- end of %s's %s:\n%s\n", s.Name, filepath.Base(name), strings.Join(tail[max(0, len(tail)-lines):], "\n"))
	}
	return b.String()
}
