package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/sinks/elasticsearch"
)

func newCheckCommand() *cobra.Command {
	var path string
	var dial bool
	cmd := &cobra.Command{
		Use:   "check -c FILE [--dial]",
		Short: "Name every mistake in a config; with --dial, try the servers too",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "" {
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
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", path)
			describe(cmd.OutOrStdout(), c)
			if dial && !tryServers(cmd.Context(), cmd.OutOrStdout(), c) {
				return &exitError{exitFailed, errors.New("not every server can be reached")}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "config `file`")
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
