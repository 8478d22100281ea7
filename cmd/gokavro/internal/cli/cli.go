// Package cli is the frame around gokavro's commands: exit codes, errors in
// one line, and signals.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gokavro/gokavro/topology/runner"
)

// Exit codes of the tool.
const (
	ExitOK    = 0
	ExitFault = 1 // something is wrong with files, data or the cluster
	ExitUsage = 2 // the command line is wrong
)

// Usage marks err as a fault of the command line, which ends the tool with
// [ExitUsage]. A nil error stays nil.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return &usageError{err}
}

type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// Main runs the tool with the process's arguments, and ends the process.
func Main(commands ...*cobra.Command) { os.Exit(Process(commands...)) }

// Process runs the tool with the process's arguments and returns its exit code.
// SIGINT and SIGTERM end the command's context; a second one ends the process
// at once.
func Process(commands ...*cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on a signal has its default effect
	root := New(commands...)
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) { boundMemory(cmd) }
	return Run(ctx, root, os.Args[1:])
}

// New returns the root command with the given commands beneath it. Commands
// that leave Args nil take no arguments.
func New(commands ...*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   "gokavro",
		Short: "Work with Avro records on Kafka",
		Long: "gokavro puts Avro files into Kafka topics and reads topics back, keeps an embedded\n" +
			"Kafka and schema registry up, and runs the reference topology.",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return runner.FlagError(err) })
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(commands...)
	root.AddCommand(versionCommand())
	root.SetHelpCommand(helpCommand(root))
	for _, cmd := range root.Commands() {
		adopt(cmd)
	}
	return root
}

// adopt gives a command, and those beneath it, the manners of the tool.
func adopt(cmd *cobra.Command) {
	if cmd.Args == nil {
		cmd.Args = noArguments
	}
	markRun(cmd)
	for _, beneath := range cmd.Commands() {
		adopt(beneath)
	}
}

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q: see --help", args[0])
	}
	return nil
}

// ranError is what a command itself returned. Every other error comes from
// cobra and is about the command line.
type ranError struct{ err error }

func (e *ranError) Error() string { return e.err.Error() }
func (e *ranError) Unwrap() error { return e.err }

// markRun lets Run tell a command's own errors from cobra's.
func markRun(cmd *cobra.Command) {
	run := cmd.RunE
	if run == nil {
		return
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := run(cmd, args); err != nil {
			return &ranError{err}
		}
		return nil
	}
}

// Run executes the tool and returns its exit code. An error is one line on the
// root command's error output.
func Run(ctx context.Context, root *cobra.Command, args []string) int {
	if args == nil {
		args = []string{} // cobra reads the process's arguments for nil
	}
	root.SetArgs(args)
	completeShells(root, args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	var ran *ranError
	var usage *usageError
	if !errors.As(err, &ran) && !strings.Contains(err.Error(), "--") {
		err = fmt.Errorf("%s: see --help", strings.TrimSpace(err.Error()))
	}
	report(root.ErrOrStderr(), err)
	if errors.As(err, &ran) && !errors.As(err, &usage) {
		return ExitFault
	}
	return ExitUsage
}

// completeShells adds cobra's completion command, and lets it refuse a shell
// that it does not know: as cobra makes it, it prints its help then.
func completeShells(root *cobra.Command, args []string) {
	root.InitDefaultCompletionCmd(args...)
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" && cmd.RunE == nil {
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// report writes an error as one line.
func report(w io.Writer, err error) {
	fmt.Fprintln(w, strings.Join(strings.Fields(err.Error()), " "))
}

// helpCommand is cobra's, but a topic that does not exist is an error.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			found, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return Usage(fmt.Errorf("no command %q to help with: see gokavro --help", strings.Join(args, " ")))
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
