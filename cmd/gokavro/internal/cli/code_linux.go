package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// dropCode gives back the memory of the program itself, of which most was for
// its start alone: what is needed again comes back from its file. What cannot
// be given back stays.
func dropCode() {
	program, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer maps.Close()
	var from, to uintptr
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 6 && words[5] == program && !strings.Contains(words[1], "w"):
			_, _ = fmt.Sscanf(words[0], "%x-%x", &from, &to)
		case len(words) > 3:
			from, to = 0, 0 // another one's
		case len(words) > 1 && words[0] == "Anonymous:" && words[1] == "0" && from < to:
			// A page that was written to is not as in the file.
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED)
		}
	}
}
