package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// profiledSeconds is for how long each run is profiled. What it does not need of that it waits, which is no sample.
const profiledSeconds = 5

// profile has the binary read each format, with and without records, and writes what it spends its CPU time on to o.profile: the
// compiler makes the binary quicker by it.
func (b *bench) profile(ctx context.Context) error {
	var paths []string
	for _, format := range b.formats {
		in, err := makeInput(ctx, b.options, format, b.size)
		if err != nil {
			return err
		}
		for _, records := range []bool{false, true} {
			path := filepath.Join(b.scratch, fmt.Sprintf("%s-%t.pprof", format, records))
			if err := b.profileOnce(ctx, in, records, path); err != nil {
				return fmt.Errorf("profile %s: %w", format, err)
			}
			paths = append(paths, path)
		}
	}
	merged, err := exec.CommandContext(ctx, "go", append([]string{"tool", "pprof", "-proto", "-output", b.profilePath}, paths...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("merge the profiles: %w: %.2000s", err, merged)
	}
	return nil
}

// profileOnce profiles one run, which it ends, into the file at path.
func (b *bench) profileOnce(ctx context.Context, in *input, records bool, path string) error {
	fmt.Fprintf(os.Stderr, "%s: profile, records %t\n", in.path, records)
	dir, err := os.MkdirTemp(b.scratch, "profile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	address, err := freeAddress()
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "gatemeter.yaml")
	if err := os.WriteFile(config, []byte(b.gatemeterConfig(in, dir, address, records)), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, b.binary, "run", "-c", config)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	err = fetchProfile(ctx, address, path)
	_ = cmd.Process.Signal(os.Interrupt)
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return fmt.Errorf("%w: %.2000s", err, stderr.Bytes())
	}
	return nil
}

// freeAddress returns a port of this machine that nothing listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// fetchProfile asks the process that listens on address, or soon will, for a profile.
func fetchProfile(ctx context.Context, address, path string) error {
	ctx, cancel := context.WithTimeout(ctx, (profiledSeconds+10)*time.Second)
	defer cancel()
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", address, profiledSeconds)
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			defer resp.Body.Close()
			profile, err := io.ReadAll(resp.Body)
			if err == nil && resp.StatusCode != http.StatusOK {
				err = fmt.Errorf("get %s: %s: %.200s", url, resp.Status, profile)
			}
			return errors.Join(err, os.WriteFile(path, profile, 0o600))
		}
		if ctx.Err() != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond) // it has only just been started
	}
}
