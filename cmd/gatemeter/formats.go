package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"time"
	_ "time/tzdata" // for timezone: in images that have none

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/parsers"
)

func newFormatsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "formats [NAME…]",
		Short: "List the formats that have names, with a line of each",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, names []string) error {
			all := parsers.Formats()
			for _, name := range names {
				if !slices.ContainsFunc(all, func(f parsers.Format) bool { return f.Name == name }) {
					_, err := parsers.New(name, parsers.Options{}) // says what is near
					return &exitError{exitUsage, err}
				}
			}
			return printFormats(cmd.OutOrStdout(), all, names)
		},
	}
}

// printFormats writes what there is to know of the formats called names, of all when names is empty.
func printFormats(out io.Writer, all []parsers.Format, names []string) error {
	w := bufio.NewWriter(out)
	for _, f := range all {
		if len(names) > 0 && !slices.Contains(names, f.Name) {
			continue
		}
		fmt.Fprintf(w, "%s\n    %s\n", f.Name, f.About)
		if f.Time != parsers.Either {
			fmt.Fprintf(w, "    time    the request's %v\n", f.Time)
		}
		if f.Sign != "" {
			fmt.Fprintf(w, "    auto    %s\n", f.Sign)
		}
		if spec := f.Spec(); spec != f.Name {
			fmt.Fprintf(w, "    format  %s\n", spec)
		}
		fmt.Fprintf(w, "    line    %s\n\n", f.Sample)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// sign returns what auto tells a format by, "" when there is nothing to say.
func sign(format string) string {
	for _, f := range parsers.Formats() {
		if f.Name == format {
			return f.Sign
		}
	}
	return ""
}

// location returns the place called name, nil for none.
func location(name string) (*time.Location, error) {
	if name == "" {
		return nil, nil
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("timezone %.200q is no place of the time zone database: write it like Europe/Berlin", name)
	}
	return l, nil
}

// headerOf returns what the header lines of logs of a format begin with, "" when they have none.
func headerOf(format string) string {
	switch format {
	case "auto", "w3c", "iis":
		return "#Fields:"
	}
	return ""
}
