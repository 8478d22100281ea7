package cli

import (
	"math"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// frugalMemory is what a frugal command is to come by with, in bytes, beside
// the program itself.
const frugalMemory = 20 << 20

const frugal = "frugal"

// Frugal marks a command, and those beneath it, that has little in memory at a
// time, so that [Process] lets the collector run early in place of letting the
// process grow, and gives back what only the start needed. GOMEMLIMIT overrides
// it.
func Frugal(cmd *cobra.Command) *cobra.Command {
	cmd.Annotations = map[string]string{frugal: "yes"}
	return cmd
}

// boundMemory bounds the memory of the process for a frugal command.
func boundMemory(cmd *cobra.Command) {
	for ; cmd != nil; cmd = cmd.Parent() {
		if cmd.Annotations[frugal] != "" && debug.SetMemoryLimit(-1) == math.MaxInt64 {
			debug.SetMemoryLimit(frugalMemory)
			dropCode()
		}
	}
}
