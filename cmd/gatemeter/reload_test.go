package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/internal/servers"
)

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestReloadOutlivesASink: a sink that fails while the old config ends does not keep the new one from being taken over.
func TestReloadOutlivesASink(t *testing.T) {
	graphite, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer graphite.Close()
	var received atomic.Int64
	go func() { // takes what comes, and is gone, with a reset, when the stream ends
		c, err := graphite.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := c.Read(buf)
			received.Add(int64(n))
			if err != nil {
				break
			}
		}
		graphite.Close()
		_ = c.(*net.TCPConn).SetLinger(0)
	}()

	dir := t.TempDir()
	var log bytes.Buffer
	for _, at := range []string{"20:00:00", "20:05:00"} { // so that the first one's window leaves
		log.WriteString(strings.Replace(combinedLine, "20:00:00", at, 1) + "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "access.log"), log.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "c.yaml")
	listenOn := func() string {
		t.Helper()
		address := servers.FreeAddress(t)
		body := fmt.Sprintf("data_dir: %s/data\nlisten: %s\nshutdown_timeout: 1s\nsources: {edge: {type: file, paths: %s/access.log}}\nsinks: {g: {type: graphite, address: \"tcp://%s\", timeout: 1s}}\n",
			dir, address, dir, graphite.Addr())
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		return address
	}
	lives := func(address string) bool {
		r, err := http.Get("http://" + address + "/livez")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		_, _ = io.Copy(io.Discard, r.Body)
		return r.StatusCode == http.StatusOK
	}

	first := listenOn()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runConfig(ctx, path, false) }()
	await(t, "the first config", func() bool { return lives(first) })
	await(t, "points", func() bool { return received.Load() > 0 })
	second := listenOn()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await(t, "the second config", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		default:
		}
		return lives(second)
	})
	stop()
	<-ended // with an error, if Graphite did not get all
}
