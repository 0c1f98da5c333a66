package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The senders of syslog, each of which takes a configuration in its own words, and those of them that receive.

// HAProxy is Debian's HAProxy.
type HAProxy struct {
	*Server
	Address string // 127.0.0.1:PORT of its frontend
	URL     string // http:// and Address
}

// StartHAProxy starts HAProxy before backend, an address. global is lines of its global section, such as its log directives; log is those
// of its frontend that say what is logged, `option httplog` when there are none.
func StartHAProxy(t testing.TB, backend, global string, log ...string) *HAProxy {
	t.Helper()
	dir, address := t.TempDir(), FreeAddress(t)
	if len(log) == 0 {
		log = []string{"option httplog"}
	}
	mustWrite(t, filepath.Join(dir, "haproxy.cfg"), "global\n"+global+`
  maxconn 200
defaults
  mode http
  log global
  option dontlognull
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend fe
  bind `+address+`
  `+strings.Join(log, "\n  ")+`
  default_backend be
backend be
  server s1 `+backend+"\n")
	h := &HAProxy{Address: address, URL: "http://" + address}
	h.Server = Start(t, Command{
		Name: "haproxy", Args: []string{mustExist(t, "/usr/sbin/haproxy"), "-db", "-f", filepath.Join(dir, "haproxy.cfg")},
		Env:    []string{"TZ=UTC"}, // its times have no zone
		Output: filepath.Join(dir, "output.log"), Ready: func() error { return accepts(address) },
	})
	return h
}

const libraries = "usr/lib/x86_64-linux-gnu"

// StartRsyslog starts Debian's rsyslog, which sends each line of a file as it is written: input is the file, config the actions.
func StartRsyslog(t testing.TB, input string, certificates *Certificates, actions ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`global(workDirectory=%q DefaultNetstreamDriverCAFile=%q maxMessageSize="64k")
module(load="imfile" mode="inotify")
input(type="imfile" File=%q Tag="app" Severity="notice" Facility="local3")
main_queue(queue.size="200000" queue.type="LinkedList")
`, dir, certificates.CA, input)
	for _, a := range actions {
		// What cannot be sent now is kept and sent later.
		config += `action(type="omfwd" action.resumeRetryCount="-1" action.resumeInterval="1" queue.type="LinkedList" queue.size="200000" ` + a + ")\n"
	}
	return startRsyslog(t, dir, config)
}

func startRsyslog(t testing.TB, dir, config string) *Server {
	t.Helper()
	mustWrite(t, filepath.Join(dir, "rsyslog.conf"), config)
	return Start(t, Command{
		Name: "rsyslog", Output: filepath.Join(dir, "output.log"),
		Args: []string{
			mustExist(t, "/usr/sbin/rsyslogd"), "-n", "-f", filepath.Join(dir, "rsyslog.conf"), "-i", filepath.Join(dir, "pid"),
			"-M", "/" + libraries + "/rsyslog:" + filepath.Join(installed(t, "syslog-ng"), libraries, "rsyslog"),
		},
	})
}

// ReceiveWithRsyslog starts Debian's rsyslog, which writes each datagram that comes to an address as a line of a file. The kernel's queue has
// buffer bytes.
func ReceiveWithRsyslog(t testing.TB, address, file string, buffer int) *Server {
	t.Helper()
	dir := t.TempDir()
	return startRsyslog(t, dir, fmt.Sprintf(`global(workDirectory=%q)
main_queue(queue.type="LinkedList" queue.size="2000000" queue.dequeueBatchSize="1024")
template(name="raw" type="string" string="%%rawmsg%%\n")
module(load="imudp" batchSize="128" timeRequery="8")
input(type="imudp" address="127.0.0.1" port=%q rcvbufSize="%d")
action(type="omfile" file=%q template="raw" asyncWriting="on" flushOnTXEnd="off" flushInterval="1" ioBufferSize="256k")
`, dir, port(address), buffer, file))
}

// ReceiveWithSyslogNG is ReceiveWithRsyslog with Debian's syslog-ng, on two sockets.
func ReceiveWithSyslogNG(t testing.TB, address, file string, buffer int) *Server {
	t.Helper()
	dir := t.TempDir()
	socket := func(n int) string {
		return fmt.Sprintf(`network(ip("127.0.0.1") port(%s) transport("udp") so-rcvbuf(%d) so-reuseport(1) persist-name("u%d") flags(no-parse) log-fetch-limit(1000));`,
			port(address), buffer, n)
	}
	mustWrite(t, filepath.Join(dir, "syslog-ng.conf"), fmt.Sprintf(`@version: 3.38
options { use-dns(no); keep-hostname(yes); log-fifo-size(2000000); flush-lines(1000); threaded(yes); };
source s { %s %s };
destination d { file(%q template("$MSG\n")); };
log { source(s); destination(d); };
`, socket(0), socket(1), file))
	return startSyslogNG(t, dir)
}

// StartSyslogNG starts syslog-ng, which sends each line of a file as it is written: input is the file, destinations are drivers.
func StartSyslogNG(t testing.TB, input string, destinations ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`@version: 3.38
options { keep-hostname(yes); use-dns(no); frac-digits(3); ts-format(iso); };
source s { file(%q follow-freq(0.1) flags(no-parse) program-override("app")); };
`, input)
	for i, d := range destinations {
		config += fmt.Sprintf("destination d%d { %s; };\nlog { source(s); destination(d%d); flags(flow-control); };\n", i, d, i)
	}
	mustWrite(t, filepath.Join(dir, "syslog-ng.conf"), config)
	return startSyslogNG(t, dir)
}

// startSyslogNG starts syslog-ng with the config that is in dir.
func startSyslogNG(t testing.TB, dir string) *Server {
	t.Helper()
	root := installed(t, "syslog-ng")
	modules, err := filepath.Glob(filepath.Join(root, "usr/lib/syslog-ng/3.*"))
	if err != nil || len(modules) == 0 {
		t.Fatalf("syslog-ng has no modules: %v", err)
	}
	// Its libraries lie in both places, depending on the package.
	paths := []string{filepath.Join(root, libraries), filepath.Join(root, strings.TrimPrefix(libraries, "usr/")), filepath.Join(root, "usr/lib/syslog-ng")}
	return Start(t, Command{
		Name: "syslog-ng", Output: filepath.Join(dir, "output.log"), Env: []string{"LD_LIBRARY_PATH=" + strings.Join(paths, string(os.PathListSeparator))},
		Args: []string{
			mustExist(t, filepath.Join(root, "usr/sbin/syslog-ng")), "-F", "--no-caps", "-f", filepath.Join(dir, "syslog-ng.conf"),
			"--module-path", strings.Join(modules, ":"), "--persist-file", filepath.Join(dir, "persist"),
			"--control", filepath.Join(dir, "control"), "--pidfile", filepath.Join(dir, "pid"),
		},
	})
}
