package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
	"unsafe"
)

// startup returns how long it took, in each of n starts, from the start of the process until it had read the first line: it
// waits in a pipe, and the pipe is empty when it has been read.
func (b *bench) startup(ctx context.Context, n int) ([]time.Duration, error) {
	dir, err := os.MkdirTemp(b.scratch, "start-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "gatemeter.yaml")
	config := fmt.Sprintf("data_dir: %q\nlisten: \"\"\nsources: {in: {type: stdin, format: nginx_timed}}\n"+
		"sinks: {graphite: {type: graphite, address: \"tcp://%s\"}}\n", dir+"/data", b.sinks.graphite)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	var all []time.Duration
	for range n {
		took, err := b.startOnce(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("time a start: %w", err)
		}
		all = append(all, took)
	}
	slices.Sort(all)
	return all, nil
}

func (b *bench) startOnce(ctx context.Context, config string) (time.Duration, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer write.Close()
	defer read.Close()
	if _, err := write.WriteString(`192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-" 0.001 0.001` + "\n"); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, b.binary, "run", "-c", config)
	cmd.Stdin = read
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	took := time.Duration(0)
	for deadline := began.Add(10 * time.Second); time.Now().Before(deadline); {
		left := int32(1)
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, read.Fd(), syscall.TIOCINQ, uintptr(unsafe.Pointer(&left)))
		if errno == 0 && left == 0 {
			took = time.Since(began)
			break
		}
		time.Sleep(50 * time.Microsecond)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	_ = write.Close()
	_ = cmd.Wait() // how it ends is not what is timed
	if took == 0 {
		return 0, fmt.Errorf("the first line was not read within ten seconds")
	}
	return took, nil
}
