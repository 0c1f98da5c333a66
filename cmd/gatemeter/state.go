package main

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gatemeter/gatemeter/internal/inspect"
)

func newStateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state show|check",
		Short: "Look at a data_dir, in use or not: how far each log is read, whether anything is damaged",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			return &exitError{exitUsage, errors.New("state show or check?")}
		},
	}
	cmd.AddCommand(newStateLookCommand("show", "How far each log is read, sent and indexed",
		(*inspect.State).WriteText, func(*inspect.State) bool { return false }))
	cmd.AddCommand(newStateLookCommand("check", "Whether anything is damaged, which slot a start would use and what that costs; exit code 1 when it is",
		(*inspect.State).WriteDamage, (*inspect.State).Damaged))
	return cmd
}

// newStateLookCommand is a command that looks, writes what write does, and fails when fails says so.
func newStateLookCommand(name, short string, write func(*inspect.State, io.Writer) error, fails func(*inspect.State) bool) *cobra.Command {
	var where folder
	var asJSON bool
	cmd := &cobra.Command{
		Use:   name + " [-c FILE | --data-dir DIR]",
		Short: short,
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, c, err := where.find()
			if err != nil {
				return err
			}
			state, err := inspect.Look(dir)
			if err != nil {
				return &exitError{exitFailed, err}
			}
			if c != nil {
				for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
					if s := c.Sources[name]; s.Type == "kafka" {
						state.Groups = append(state.Groups, inspect.Group{Source: name, Group: s.Group})
					}
				}
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				err = e.Encode(state)
			} else {
				err = write(state, cmd.OutOrStdout())
			}
			if err != nil {
				return &exitError{exitFailed, err}
			}
			if fails(state) {
				return &exitError{exitFailed, errors.New("the state is damaged")}
			}
			return nil
		},
	}
	where.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "all of it as JSON")
	return cmd
}
