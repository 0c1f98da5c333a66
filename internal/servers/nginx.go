package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Nginx is Debian's nginx.
type Nginx struct {
	*Server
	Address string // 127.0.0.1:PORT
	URL     string // http:// and Address
	Dir     string // where relative names of the configuration, such as access.log, lie
}

// StartNginx starts nginx. http goes into the configuration's http block; in it, LISTEN stands for the listen directive's
// address and relative file names are below Dir:
//
//	access_log access.log combined;
//	server { listen LISTEN; location / { return 200; } }
func StartNginx(t testing.TB, http string) *Nginx {
	t.Helper()
	address := FreeAddress(t)
	n := &Nginx{Address: address, URL: "http://" + address, Dir: t.TempDir()}
	var temp strings.Builder
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "  %s_temp_path %s/temp/%s;\n", name, n.Dir, name)
	}
	mustWrite(t, filepath.Join(n.Dir, "temp/.keep"), "")
	// As root the workers would change to a user who may not enter the test's folder.
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	mustWrite(t, filepath.Join(n.Dir, "nginx.conf"), user+
		"daemon off;\nworker_processes 2;\npid nginx.pid;\nerror_log error.log warn;\n"+
		"events { worker_connections 512; }\nhttp {\n"+temp.String()+strings.ReplaceAll(http, "LISTEN", address)+"\n}\n")
	n.Server = Start(t, Command{
		Name:    "nginx",
		Args:    []string{mustExist(t, "/usr/sbin/nginx"), "-p", n.Dir, "-e", filepath.Join(n.Dir, "error.log"), "-c", filepath.Join(n.Dir, "nginx.conf")},
		Output:  filepath.Join(n.Dir, "output.log"),
		Logs:    []string{filepath.Join(n.Dir, "error.log")},
		EndWith: syscall.SIGQUIT, // lets requests end
		Ready:   func() error { return accepts(address) },
	})
	return n
}

// Rotate runs logrotate once over the file name, below Dir. directives is the body of its section in logrotate's
// configuration; REOPEN in it stands for the command that makes nginx open its logs anew.
func (n *Nginx) Rotate(name, directives string) {
	n.t.Helper()
	path := filepath.Join(n.Dir, name)
	conf := filepath.Join(n.Dir, "logrotate.conf")
	mustWrite(n.t, conf, path+" {\n"+strings.ReplaceAll(directives, "REOPEN", fmt.Sprintf("kill -USR1 %d", n.PID()))+"\n}\n")
	cmd := exec.Command(mustExist(n.t, "/usr/sbin/logrotate"), "--force", "--state", filepath.Join(n.Dir, "logrotate.state"), conf)
	cmd.WaitDelay = time.Minute
	if out, err := cmd.CombinedOutput(); err != nil {
		n.t.Fatalf("logrotate %s: %v\n%s", name, err, out)
	}
	// The signal is not waited for by logrotate. A second rotation that came before nginx has opened its logs anew would
	// compress, and remove, a file that is still written to.
	Await(n.t, time.Minute, func() error { return n.hasLeft(path + ".1") })
}

// hasLeft says which of nginx's processes still has the file at path open, nil when none has.
func (n *Nginx) hasLeft(path string) error {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", n.PID()))
	if err != nil {
		return err
	}
	for _, pid := range append(strings.Fields(string(children)), strconv.Itoa(n.PID())) {
		fds, err := filepath.Glob("/proc/" + pid + "/fd/*")
		if err != nil {
			return err
		}
		for _, fd := range fds {
			if to, err := os.Readlink(fd); err == nil && to == path {
				return fmt.Errorf("nginx process %s still writes to %s", pid, path)
			}
		}
	}
	return nil
}
