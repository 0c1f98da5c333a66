package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/internal/verify"
	"github.com/gatemeter/gatemeter/pipeline/filter"
	"github.com/gatemeter/gatemeter/sinks/elasticsearch"
)

// verifyFlags are what verify is told besides the config.
type verifyFlags struct {
	path   string
	render []string
	skip   []string
	wait   time.Duration
	most   int
	asJSON bool
}

func newVerifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify -c FILE [--render URL]",
		Short: "Count the logs again, slowly and independently, and say where Graphite and Elasticsearch differ",
		Long: `Reads the logs again, counts them by other code than run does, and compares what cannot change any more with what
Graphite (through graphite-web) and Elasticsearch have, and with the counters of a gatemeter that runs. Exit code 0
when all agree, 1 when not.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.path == "" {
				return &exitError{exitUsage, errors.New("verify what? -c FILE")}
			}
			c, _, err := loadConfig(f.path)
			if err != nil {
				return err
			}
			o, err := f.options(c)
			if err != nil {
				return err
			}
			for _, r := range o.Remotes {
				defer r.Close()
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			report, err := runVerify(ctx, c, o)
			if err != nil {
				return &exitError{exitFailed, err}
			}
			if f.asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				err = e.Encode(report)
			} else {
				err = report.WriteText(cmd.OutOrStdout(), f.most)
			}
			if err == nil && !report.Agrees {
				err = errors.New("") // said already
			}
			if err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&f.path, "config", "c", "", "config `file`")
	cmd.Flags().StringArrayVar(&f.render, "render", nil, "`URL` of graphite-web, in place of the sink's render_url; of several Graphite sinks, NAME=URL")
	cmd.Flags().StringArrayVar(&f.skip, "skip", nil, "do not compare the sink with this `name`")
	cmd.Flags().DurationVar(&f.wait, "wait", 5*time.Second, "how long to wait for points that Graphite does not show yet")
	cmd.Flags().IntVar(&f.most, "most", 100, "differences to print; --json has up to 10000")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "the whole report as JSON")
	return cmd
}

// options finds out whom to ask.
func (f *verifyFlags) options(c *config.Config) (o verify.Options, err error) {
	for _, name := range f.skip {
		if c.Sinks[name] == nil {
			return o, &exitError{exitUsage, fmt.Errorf("--skip %s: the config has no such sink", name)}
		}
	}
	urls, err := f.renderURLs(c)
	if err != nil {
		return o, err
	}
	o = verify.Options{Graphite: urls, Remotes: map[string]*elasticsearch.Remote{}, Wait: f.wait, Now: time.Now()}
	for _, name := range sorted(c.Sinks) {
		if c.Sinks[name].Type != "elasticsearch" || slices.Contains(f.skip, name) {
			continue
		}
		if o.Remotes[name], err = elasticsearch.NewRemote(elasticsearchConfig(c.Sinks[name])); err != nil {
			return o, &exitError{exitFailed, fmt.Errorf("sink %s: %w", name, err)}
		}
	}
	if o.Redact, err = redactor(c); err != nil {
		return o, &exitError{exitFailed, err}
	}
	if len(c.Filters) > 0 {
		var rules []filter.Rule
		for _, f := range c.Filters {
			rules = append(rules, f.Rule)
		}
		if o.Filter, err = filter.Compile(rules); err != nil {
			return o, &exitError{exitFailed, err}
		}
	}
	return o, nil
}

// renderURLs returns where each Graphite sink that is to be compared can be read.
func (f *verifyFlags) renderURLs(c *config.Config) (map[string]string, error) {
	urls := map[string]string{}
	var names []string
	for _, name := range sorted(c.Sinks) {
		if s := c.Sinks[name]; s.Type == "graphite" && !slices.Contains(f.skip, name) {
			names = append(names, name)
			if s.Render != "" {
				urls[name] = s.Render
			}
		}
	}
	for _, given := range f.render {
		name, url, ok := strings.Cut(given, "=")
		if !ok || strings.Contains(name, "/") {
			url = given
			if len(names) != 1 {
				return nil, &exitError{exitUsage, fmt.Errorf("--render %s: of which sink? NAME=URL", given)}
			}
			name = names[0]
		}
		if !slices.Contains(names, name) {
			return nil, &exitError{exitUsage, fmt.Errorf("--render %s: there is no Graphite sink %s to compare", given, name)}
		}
		urls[name] = url
	}
	for _, name := range names {
		if urls[name] == "" {
			return nil, &exitError{exitUsage, fmt.Errorf("where can sink %s be read? Set its render_url, or --render URL of graphite-web; --skip %s leaves it out", name, name)}
		}
	}
	return urls, nil
}

// runVerify verifies, with a progress bar where somebody may watch one.
func runVerify(ctx context.Context, c *config.Config, o verify.Options) (*verify.Report, error) {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		bar := verify.NewBar(os.Stderr, time.Now)
		defer bar.Clear()
		o.Progress = bar.Show
	}
	return verify.Run(ctx, c, o)
}
