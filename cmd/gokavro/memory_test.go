package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gokavro/gokavro/cmd/gokavro/internal/cli"
)

// asProgram makes this test binary the tool itself, which writes the most
// memory that it had to the file of that name, in KiB.
const asProgram = "GOKAVRO_MEMORY_FILE"

func TestMain(m *testing.M) {
	path := os.Getenv(asProgram)
	if path == "" {
		forgetSettings()
		os.Exit(m.Run())
	}
	code := cli.Process(commands()...)
	status, _ := os.ReadFile("/proc/self/status")
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	if err := os.WriteFile(path, []byte(peak), 0o600); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// forgetSettings leaves the tests without the settings of who runs them.
func forgetSettings() {
	for _, setting := range os.Environ() {
		if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "GOKAVRO_") {
			_ = os.Unsetenv(name)
		}
	}
}

// peak runs the tool and returns the most memory that it had, in bytes.
func peak(t *testing.T, input []byte, args ...string) int {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "peak")
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), asProgram+"="+path, "GOMEMLIMIT=off", "GOGC=100")
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != cli.ExitFault {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	said, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kib int
	if _, err := fmt.Sscan(string(said), &kib); err != nil {
		t.Skipf("the system does not say what memory a process had: %v", err)
	}
	return kib << 10
}

// nested is a schema of many levels, with a text in the innermost.
func nested(levels, size int) string {
	schema := `{"type":"record","name":"X","doc":"` + strings.Repeat("x", size) + `","fields":[]}`
	for i := range levels {
		schema = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"f","type":%s}]}`, i, schema)
	}
	return schema
}

// zerosOf is a frame of zstandard that unpacks to so many times 128 KiB of zero
// and does not say so.
func zerosOf(blocks int) []byte {
	const size, oneByteManyTimes = 128 << 10, 1 << 1
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0x68}
	for i := range blocks {
		head := uint32(size<<3 | oneByteManyTimes)
		if i == blocks-1 {
			head |= 1
		}
		frame = append(binary.LittleEndian.AppendUint32(frame, head)[:len(frame)+3], 0)
	}
	return frame
}

func containerOf(schema, compression string, count int64, block []byte) []byte {
	text := func(data []byte, s string) []byte {
		return append(binary.AppendVarint(data, int64(len(s))), s...)
	}
	file := binary.AppendVarint([]byte("Obj\x01"), 2)
	for _, s := range []string{"avro.schema", schema, "avro.codec", compression} {
		file = text(file, s)
	}
	const marker = "0123456789abcdef"
	file = append(append(file, 0), marker...)
	return append(text(binary.AppendVarint(file, count), string(block)), marker...)
}

// The tool itself takes up to 40 MB at its start, nearly all of it code, of which
// it gives back the most, and 24 MB come to it. More is allowed here, as the
// collector may be late on a busy machine.
func TestLargeInputTakesLittleMemory(t *testing.T) {
	t.Parallel()
	const large, most = 8 << 20, 32 << 20
	if measuresMore {
		t.Skip("the race detector takes memory of its own")
	}
	word := func(s string) string { return `"` + s + `"` }
	line := func(writer, hex, more string) []byte {
		return []byte(`{"name":"x","writer":` + writer + `,"reader":` + writer + `,"hex":"` + hex + `"` + more + "}\n")
	}
	text := hex.EncodeToString(append(varints(large/2), bytes.Repeat([]byte("a"), large/2)...))
	deep := strings.Repeat("[", large/2) + strings.Repeat("]", large/2)
	base := peak(t, line(`"int"`, "02", ""), "avro", "decode", "--batch", "-")
	decode, check, cat := []string{"avro", "decode", "--batch", "-"}, []string{"schema", "check", "--batch", "-"}, []string{"avro", "cat", "-"}
	write := []string{"avro", "write", "--schema", file(t, "text.avsc", []byte(`"string"`)), "-o", "-"}
	tests := []struct {
		name  string
		args  []string
		input []byte
	}{
		{"a text of 4 MB", decode, line(`"string"`, text, "")},
		{"texts of 4 MB", decode, bytes.Repeat(line(`"string"`, text, ""), 4)},
		{"a name of 8 MB", decode, []byte(`{"name":` + word(strings.Repeat("n", large)) + `,"writer":"int","hex":"02"}`)},
		{"a member of 4 million levels", decode, line(`"int"`, "02", `,"x":`+deep)},
		{"a schema of 300 levels", decode, line(nested(300, 400_000), "", "")},
		{"schemas of 150 levels", check, bytes.Repeat(line(nested(150, 1000), "", ""), 10)},
		{"a line of 8 MB to write", write, []byte(word(strings.Repeat("é", large/2)))},
		{"zstandard that does not say its size", cat, containerOf(`"long"`, "zstandard", 1, zerosOf(120))},
		{"zstandard of 1 GB", cat, containerOf(`"long"`, "zstandard", 1, zerosOf(8192))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := peak(t, tt.input, tt.args...) - base; got > most {
				t.Errorf("took %d MB beside the %d MB of the tool, want %d at most", got>>20, base>>20, most>>20)
			}
		})
	}
}
