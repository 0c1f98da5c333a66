package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/sinks/elasticsearch"
)

func newCheckCommand() *cobra.Command {
	var path string
	var dial, show bool
	cmd := &cobra.Command{
		Use:   "check -c FILE [--dial] [--show]",
		Short: "Name every mistake in a config; with --dial, try the servers too",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return &exitError{exitUsage, fmt.Errorf("check takes the config by -c: gatemeter check -c %.200q", args[0])}
			case path == "":
				return &exitError{exitUsage, errors.New("check what? -c FILE")}
			}
			c, warnings, err := loadConfig(path)
			for _, w := range warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w.Error())
			}
			if err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), err)
				return &exitError{exitWrongConfig, errors.New("")}
			}
			missing := false
			for _, name := range sorted(c.Sources) {
				if _, err := login(c.Sources[name]); err != nil {
					missing = true
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: sources.%s.sasl: %v\n", path, name, err)
				}
			}
			if missing {
				return &exitError{exitWrongConfig, errors.New("")}
			}
			out := cmd.OutOrStdout()
			if show {
				out = cmd.ErrOrStderr() // what else there is to say is no YAML
				text, err := c.YAML()
				if err == nil {
					_, err = cmd.OutOrStdout().Write(text)
				}
				if err != nil {
					return &exitError{exitFailed, err}
				}
			} else {
				fmt.Fprintf(out, "%s: ok\n", path)
				describe(out, c)
			}
			lookForFiles(cmd.ErrOrStderr(), path, c)
			if dial && !tryServers(cmd.Context(), out, c) {
				return &exitError{exitFailed, errors.New("not every server can be reached")}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "config `file`")
	cmd.Flags().BoolVar(&show, "show", false, "print the config in effect: file, environment and defaults together, without secrets")
	cmd.Flags().BoolVar(&dial, "dial", false, "connect to the sinks' servers and to Kafka's brokers")
	return cmd
}

// describe says in a few lines what c does.
func describe(w io.Writer, c *config.Config) {
	for _, name := range sorted(c.Sources) {
		s := c.Sources[name]
		fmt.Fprintf(w, "  source %s: %s %s, format %.60q\n", name, s.Type, strings.Join(slices.Concat(s.Paths, s.Listen, s.Topics), " "), s.Format)
		if how, err := login(s); err == nil && how != "" {
			fmt.Fprintf(w, "    logs in with %s\n", how)
		}
	}
	fmt.Fprintf(w, "  windows of %v, final %v after their end, as shard %s\n", c.Metrics.Window, c.Metrics.Lateness+c.Metrics.Amend, c.Shard)
	for _, name := range sorted(c.Sinks) {
		s := c.Sinks[name]
		fmt.Fprintf(w, "  sink %s: %s %s%s\n", name, s.Type, s.Address, strings.Join(s.URLs, " "))
	}
}

// lookForFiles warns of paths that match nothing now and of files that the one who asks may not read. Both may be as it should
// be: a log comes with its first request, and the service is another user.
func lookForFiles(w io.Writer, path string, c *config.Config) {
	for _, name := range sorted(c.Sources) {
		for _, pattern := range c.Sources[name].Paths {
			matches, _ := filepath.Glob(pattern) // its one error is of a wrong pattern
			if len(matches) == 0 {
				fmt.Fprintf(w, "warning: %s: sources.%s.paths: %.200q matches no file now\n", path, name, pattern)
			}
			for _, m := range matches[:min(len(matches), 1000)] {
				f, err := os.OpenFile(m, os.O_RDONLY|syscall.O_NONBLOCK, 0) // of a FIFO too
				var info os.FileInfo
				if err == nil {
					info, err = f.Stat()
					f.Close()
				}
				if err == nil && !info.Mode().IsRegular() {
					err = fmt.Errorf("%s is no regular file and is left out", m)
				}
				if err != nil {
					fmt.Fprintf(w, "warning: %s: sources.%s.paths: %v\n", path, name, err)
				}
			}
		}
	}
}

// login says how a source logs in, nothing when it does not, or what is missing on this machine. It contacts nobody.
func login(s *config.Source) (string, error) {
	if s.SASL == "" {
		return "", nil
	}
	return kafkaCluster(s).SASL.Login()
}

// tryServers connects to each source's brokers and each sink's server and says how it went. It reports whether all can be reached.
func tryServers(ctx context.Context, w io.Writer, c *config.Config) bool {
	reachable := true
	for _, name := range sorted(c.Sources) {
		if c.Sources[name].Type != "kafka" {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // kafka-go takes 5 for a broker that does not answer
		err := tryKafka(ctx, c.Sources[name], slog.New(slog.DiscardHandler))
		cancel()
		if err != nil {
			reachable = false
			fmt.Fprintf(w, "  source %s: cannot be reached: %v\n", name, err)
			continue
		}
		fmt.Fprintf(w, "  source %s: reached\n", name)
	}
	for _, name := range sorted(c.Sinks) {
		s := c.Sinks[name]
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := tryServer(ctx, s)
		cancel()
		switch {
		case err != nil:
			reachable = false
			fmt.Fprintf(w, "  sink %s: cannot be reached: %v\n", name, err)
		case strings.HasPrefix(s.Address, "udp://"):
			fmt.Fprintf(w, "  sink %s: %s resolves; whether somebody listens, UDP does not tell\n", name, s.Address)
		default:
			fmt.Fprintf(w, "  sink %s: reached\n", name)
		}
	}
	return reachable
}

func tryServer(ctx context.Context, s *config.Sink) error {
	log := slog.New(slog.DiscardHandler)
	switch s.Type {
	case "graphite":
		sink, err := newGraphite(s, log)
		if err != nil {
			return err
		}
		return errors.Join(sink.Dial(ctx), sink.Close())
	case "statsd":
		sink, err := newStatsD(s, log)
		if err != nil {
			return err
		}
		return errors.Join(sink.Dial(ctx), sink.Close())
	}
	return elasticsearch.Check(ctx, elasticsearchConfig(s))
}
