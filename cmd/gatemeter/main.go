// Command gatemeter reads API gateways' access logs, aggregates them into event-time windows, sends the metrics on and
// indexes the records. Each command is a file of this folder; they wire the other packages and hold no logic.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitWrongConfig = 78
)

// exitError carries the exit code a command ends with.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func main() {
	if os.Getenv("GOGC") == "" {
		collectSeldomAtFirst()
	}
	os.Exit(run(os.Args[1:]))
}

// collectSeldomAtFirst sets how often the garbage collector runs. What lives long is small and what is thrown away is little: collecting more often
// than by default costs next to nothing and keeps the process at half the size. But the first 16 MiB come without: growing up to there
// would call for ten collections, which is most of what a short run has to do with them.
func collectSeldomAtFirst() {
	const first, later = 400, 40 // per cent; of the least heap, 4 MiB, or of what lives
	debug.SetGCPercent(first)
	sentinel := new([16]byte)                                                              // less than that may share its memory with what lives on
	runtime.AddCleanup(sentinel, func(struct{}) { debug.SetGCPercent(later) }, struct{}{}) // at the first collection
}

// run executes the command line and returns the exit code.
func run(args []string) int {
	root := newRootCommand()
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return 0
	}
	if err.Error() != "" {
		fmt.Fprintln(os.Stderr, "gatemeter: "+err.Error())
	}
	if e := (*exitError)(nil); errors.As(err, &e) {
		return e.code
	}
	return exitUsage // what cobra itself refuses: unknown commands and flags
}

// noArgs refuses what stands behind a command that takes only flags.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 0 && cmd.HasSubCommands():
		return &exitError{exitUsage, fmt.Errorf("there is no %s %.200q; it is %s", cmd.CommandPath(), args[0], cmd.Use)}
	case len(args) > 0:
		return &exitError{exitUsage, fmt.Errorf("%s takes only flags, and not %.200q; %[1]s --help lists them", cmd.CommandPath(), args[0])}
	}
	return nil
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "gatemeter",
		Short:         "right metrics and searchable records from API gateways' access logs",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.SetVersionTemplate(versionText() + "\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newRunCommand(), newDemoCommand(), newCheckCommand(), newExplainCommand(), newFormatsCommand(), newGenCommand(),
		newVerifyCommand(), newStateCommand(), newDeadLettersCommand(), newVersionCommand())
	return root
}
