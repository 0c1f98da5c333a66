package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/sinks/deadletter"
	"github.com/gatemeter/gatemeter/sinks/elasticsearch"
)

func newDeadLettersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deadletters list|replay|drop",
		Short: "Documents that Elasticsearch refused for good: look at them, send them again, drop them",
		Long: `Documents that Elasticsearch refuses for good are set aside under data_dir as dead letters. All three commands
may be used while gatemeter runs, and may be interrupted at any moment.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return &exitError{exitUsage, errors.New("deadletters list, replay or drop?")}
		},
	}
	cmd.AddCommand(newLettersListCommand(), newLettersReplayCommand(), newLettersDropCommand())
	return cmd
}

// folder is where the state of a gatemeter is, as the command line says.
type folder struct{ config, dataDir string }

func (f *folder) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "config `file`, for its data_dir")
	cmd.Flags().StringVar(&f.dataDir, "data-dir", "", "the `folder` itself")
}

// find returns the data_dir, and the config when one was given.
func (f *folder) find() (string, *config.Config, error) {
	switch {
	case (f.config == "") == (f.dataDir == ""):
		return "", nil, &exitError{exitUsage, errors.New("which data_dir? Either -c FILE or --data-dir DIR")}
	case f.dataDir != "":
		return f.dataDir, nil, nil
	}
	c, _, err := loadConfig(f.config)
	if err != nil {
		return "", nil, err
	}
	return c.DataDir, c, nil
}

// lettersDir is where the dead letters of a data_dir are.
func lettersDir(dataDir string) string { return filepath.Join(dataDir, "deadletters") }

func selectionFlags(cmd *cobra.Command, s *deadletter.Selection) {
	cmd.Flags().StringVar(&s.Sink, "sink", "", "only letters of the sink with this `name`")
	cmd.Flags().StringVar(&s.Reason, "reason", "", "only letters whose error has this `text` in its type or reason")
}

func newLettersListCommand() *cobra.Command {
	var where folder
	var s deadletter.Selection
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [-c FILE | --data-dir DIR] [--sink NAME] [--reason TEXT]",
		Short: "Why documents were refused, the most frequent first; --json: the letters themselves, one a line",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, _, err := where.find()
			if err != nil {
				return err
			}
			if err := listLetters(cmd.OutOrStdout(), lettersDir(dir), &s, asJSON); err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
	where.flags(cmd)
	selectionFlags(cmd, &s)
	cmd.Flags().BoolVar(&asJSON, "json", false, "the letters as they are stored, one JSON object a line")
	return cmd
}

func listLetters(out io.Writer, dir string, s *deadletter.Selection, asJSON bool) error {
	files, err := deadletter.Files(dir)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	var letters []*deadletter.Entry
	damaged, size := 0, int64(0)
	for _, f := range files {
		lines, err := f.Lines()
		if errors.Is(err, os.ErrNotExist) {
			continue // gone since
		}
		if err != nil {
			return err
		}
		size += f.Size
		for _, l := range lines {
			switch {
			case l.Entry == nil:
				damaged++
			case !s.Has(l.Entry):
			case asJSON:
				_, _ = w.Write(l.Raw) // Flush tells
			default:
				l.Entry.Document = nil // only counted: the documents of all files need not be in memory
				letters = append(letters, l.Entry)
			}
		}
	}
	switch {
	case asJSON:
	case len(letters) == 0 && damaged == 0:
		fmt.Fprintln(w, "no dead letters")
	default:
		if err := deadletter.WriteCauses(w, deadletter.Causes(letters)); err != nil {
			return err
		}
		fmt.Fprintf(w, "dead letters: %d, files: %d, bytes: %d, in %s\n", len(letters), len(files), size, dir)
		if damaged > 0 {
			fmt.Fprintf(w, "%d lines are damaged and no letters\n", damaged)
		}
	}
	return w.Flush()
}

func newLettersReplayCommand() *cobra.Command {
	var where folder
	var s deadletter.Selection
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay -c FILE [--sink NAME] [--reason TEXT]",
		Short: "Send the documents again under their ids, and remove those that were taken",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if where.config == "" || where.dataDir != "" {
				return &exitError{exitUsage, errors.New("replay to which Elasticsearch? -c FILE")}
			}
			dir, c, err := where.find()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			done, err := replayLetters(ctx, lettersDir(dir), c, &s)
			if asJSON {
				err = errors.Join(err, json.NewEncoder(cmd.OutOrStdout()).Encode(done))
			} else {
				fmt.Fprintf(cmd.OutOrStdout(), "%d stored, %d were there already, %d refused again, %d damaged\n", done.Stored, done.Existed, done.Refused, done.Damaged)
			}
			if err == nil && done.Refused > 0 {
				err = errors.New("some documents are still refused; they stay dead letters: gatemeter deadletters list")
			}
			if err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
	where.flags(cmd)
	selectionFlags(cmd, &s)
	cmd.Flags().BoolVar(&asJSON, "json", false, "say what became of them as JSON")
	return cmd
}

// replayLetters sends letters to the sinks of c that they came from.
func replayLetters(ctx context.Context, dir string, c *config.Config, s *deadletter.Selection) (deadletter.Replayed, error) {
	box, err := openBox(dir)
	if box == nil {
		return deadletter.Replayed{}, err
	}
	defer box.Close()
	remotes := map[string]*elasticsearch.Remote{}
	for _, name := range sorted(c.Sinks) {
		if c.Sinks[name].Type != "elasticsearch" {
			continue
		}
		r, err := elasticsearch.NewRemote(elasticsearchConfig(c.Sinks[name]))
		if err != nil {
			return deadletter.Replayed{}, fmt.Errorf("sink %s: %w", name, err)
		}
		defer r.Close()
		remotes[name] = r
	}
	return box.Replay(ctx, s, func(ctx context.Context, letters []*deadletter.Entry) ([]deadletter.Verdict, error) {
		r := remotes[letters[0].Sink]
		if r == nil {
			return nil, fmt.Errorf("the config has no Elasticsearch sink %q, which %d dead letters are of; --sink leaves them out", letters[0].Sink, len(letters))
		}
		documents := make([]elasticsearch.Document, len(letters))
		for i, l := range letters {
			documents[i] = elasticsearch.Document{Index: l.Index, ID: l.ID, Source: l.Document}
		}
		answers, err := r.Create(ctx, documents)
		if err != nil {
			return nil, err
		}
		verdicts := make([]deadletter.Verdict, len(answers))
		for i, a := range answers {
			verdicts[i] = deadletter.Verdict{Taken: a.Stored, Existed: a.Existed, Status: a.Status, Type: a.Type, Reason: a.Reason}
		}
		return verdicts, nil
	})
}

// openBox opens the box of dir. No folder is no box and no error: there are no letters.
func openBox(dir string) (*deadletter.Box, error) {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return deadletter.OpenBox(dir)
}

func newLettersDropCommand() *cobra.Command {
	var where folder
	var s deadletter.Selection
	var older time.Duration
	var all, sure bool
	cmd := &cobra.Command{
		Use:   "drop [-c FILE | --data-dir DIR] [--sink NAME] [--reason TEXT] [--older AGE] | --all",
		Short: "Remove dead letters for good",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, _, err := where.find()
			if err != nil {
				return err
			}
			if older > 0 {
				s.Before = time.Now().Add(-older)
			}
			switch {
			case older < 0:
				return &exitError{exitUsage, errors.New("--older is an age: 24h")}
			case all == (s != deadletter.Selection{}):
				return &exitError{exitUsage, errors.New("drop which? Either --sink, --reason and --older, or --all")}
			case !sure && !confirmed(cmd, dir):
				return &exitError{exitUsage, errors.New("nothing was dropped; --yes does it without asking")}
			}
			box, err := openBox(lettersDir(dir))
			n := 0
			if box != nil {
				defer box.Close()
				n, err = box.Drop(&s)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d dropped\n", n)
			if err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
	where.flags(cmd)
	selectionFlags(cmd, &s)
	cmd.Flags().DurationVar(&older, "older", 0, "only letters set aside longer than this `age` ago: 72h")
	cmd.Flags().BoolVar(&all, "all", false, "every letter")
	cmd.Flags().BoolVar(&sure, "yes", false, "do not ask")
	return cmd
}

// confirmed asks, on a terminal, whether letters are to be dropped.
func confirmed(cmd *cobra.Command, dir string) bool {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return false
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "drop dead letters in %s for good? [y/N] ", dir)
	answer, _ := bufio.NewReader(in).ReadString('\n')
	return strings.EqualFold(strings.TrimSpace(answer), "y") || strings.EqualFold(strings.TrimSpace(answer), "yes")
}
