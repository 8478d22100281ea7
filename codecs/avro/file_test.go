package avro_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
)

func compressions() []avro.Compression {
	return []avro.Compression{avro.Null, avro.Deflate, avro.Snappy, avro.Zstandard}
}

// container returns a file that holds values.
func container[T any](t testing.TB, schema string, compression avro.Compression, values ...T) []byte {
	t.Helper()
	var file bytes.Buffer
	writer, err := avro.NewFileWriter(&file, mustParse(t, schema), compression)
	if err != nil {
		t.Fatal(err)
	}
	for i := range values {
		if err := writer.Write(&values[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// readAll reads to the end or to the first error.
func readAll[T any](file []byte, reader *avro.ParsedSchema) (values []T, err error) {
	r, err := avro.NewFileReader(bytes.NewReader(file), reader)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		var value T
		switch err := r.Read(&value); {
		case err == io.EOF: //nolint:errorlint // the end is io.EOF itself
			return values, nil
		case err != nil:
			return values, err
		}
		values = append(values, value)
	}
}

// resolved decodes a datum of writer's as a container file's only value.
func resolved[T any](writer, reader *avro.ParsedSchema, datum []byte) (value T, err error) {
	head := join(long(1), text("avro.schema"), text(writer.Standalone()), long(0))
	values, err := readAll[T](byHand(head, block(1, datum)), reader)
	if err != nil {
		return value, err
	}
	return values[0], nil
}

func manyUsers(n int) []user {
	users := make([]user, n)
	for i := range users {
		users[i] = user{ID: int32(i), Name: fmt.Sprintf("user %d", i), Age: int32(i % 100)}
	}
	return users
}

func TestFilesReadBackWithEachCompression(t *testing.T) {
	t.Parallel()
	want := manyUsers(20_000)
	for _, compression := range compressions() {
		t.Run(string(compression), func(t *testing.T) {
			t.Parallel()
			file := container(t, userSchema, compression, want...)
			// A file that names no compression has none.
			if compression != avro.Null && !bytes.Contains(file[:300], []byte(compression)) {
				t.Errorf("the header does not name the compression %s", compression)
			}
			got, err := readAll[user](file, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
	got, err := readAll[user](container(t, userSchema, "", want[:2]...), nil)
	if diff := cmp.Diff(want[:2], got); err != nil || diff != "" {
		t.Errorf("values without a compression: error %v (-want +got):\n%s", err, diff)
	}
	_, err = avro.NewFileWriter(io.Discard, mustParse(t, userSchema), "lzma")
	wantError(t, err, `avro: unknown compression "lzma": use null, deflate, snappy or zstandard`)
}

func TestFileWithoutValuesEndsAtOnce(t *testing.T) {
	t.Parallel()
	got, err := readAll[user](container[user](t, userSchema, avro.Deflate), nil)
	if err != nil || len(got) != 0 {
		t.Errorf("read: got %v and error %v, want nothing", got, err)
	}
}

const syncBytes = 16

// joined puts each value into a block of its own, by joining files, and returns
// the lengths at which the file looks whole with the number of values up to
// there. Files have sync markers of their own: the first one's replaces them.
func joined(t testing.TB, compression avro.Compression, values []user) (file []byte, ends map[int]int) {
	t.Helper()
	empty := container[user](t, userSchema, compression)
	file, ends = bytes.Clone(empty), map[int]int{len(empty): 0}
	sync := file[len(file)-syncBytes:]
	for i, value := range values {
		one := container(t, userSchema, compression, value)
		block := one[len(empty) : len(one)-syncBytes]
		file = append(append(file, block...), sync...)
		ends[len(file)] = i + 1
	}
	return file, ends
}

// Only behind the header and behind a block's sync marker does a cut file look
// like a whole one.
func TestFileCutAnywhereElseIsAnError(t *testing.T) {
	t.Parallel()
	for _, compression := range compressions() {
		t.Run(string(compression), func(t *testing.T) {
			t.Parallel()
			whole, ends := joined(t, compression, manyUsers(3))
			for n := range len(whole) + 1 {
				got, err := readAll[user](whole[:n], nil)
				values, complete := ends[n]
				switch {
				case complete && (err != nil || len(got) != values):
					t.Errorf("cut after %d bytes, at a block's end: got %d values and error %v, want %d values", n, len(got), err, values)
				case !complete && err == nil:
					t.Errorf("cut after %d of %d bytes: got %d values and no error", n, len(whole), len(got))
				case !complete && errors.Is(err, io.EOF):
					t.Errorf("cut after %d of %d bytes: got %v, which is io.EOF", n, len(whole), err)
				}
			}
		})
	}
}

func TestDamagedFilesAreErrors(t *testing.T) {
	t.Parallel()
	whole, _ := joined(t, avro.Deflate, manyUsers(3))
	header := len(container[user](t, userSchema, avro.Deflate))
	change := func(at int, b byte) []byte {
		damaged := bytes.Clone(whole)
		damaged[at] ^= b
		return damaged
	}
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"nothing", nil, "avro: reading an object container file: "},
		{"text", []byte("id,name,age\n1,Ann,31\n"), "avro: reading an object container file: "},
		{"bare datum", []byte{2, 6, 'A', 'n', 'n', 62}, "avro: reading an object container file: "},
		{"another version", change(3, 2), "avro: reading an object container file: "},
		{"unknown compression", bytes.Replace(whole, []byte("deflate"), []byte("deflat9"), 1), "deflat9"},
		{"broken schema", bytes.Replace(whole, []byte(`"record"`), []byte(`"recor!"`), 1), "avro: reading an object container file: "},
		{"sync marker", change(len(whole)-1, 1), "avro: reading record 3 of an object container file: "},
		{"block's bytes", change(header+4, 0xff), "avro: reading record 1 of an object container file: "},
		{"number of values", change(header, 0x0c), "avro: reading record "},
		{"size of the block", change(header+1, 0x02), "avro: reading record 1 of an object container file: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := readAll[user](tt.file, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("read: got %v, want one line with %q", err, tt.want)
			}
		})
	}
}

func TestReaderStopsAtItsFirstError(t *testing.T) {
	t.Parallel()
	whole, _ := joined(t, avro.Null, manyUsers(3))
	for name, file := range map[string][]byte{"cut": whole[:len(whole)-3], "whole": whole} {
		reader, err := avro.NewFileReader(bytes.NewReader(file), nil)
		if err != nil {
			t.Fatal(err)
		}
		var value user
		for err == nil {
			err = reader.Read(&value)
		}
		last := value
		if again := reader.Read(&value); again != err { //nolint:errorlint // the same, not one like it
			t.Errorf("%s file: got %v after %v, want the same error", name, again, err)
		}
		if value != last || value.Name == "" {
			t.Errorf("%s file: got %+v after the error, want %+v kept", name, value, last)
		}
		if err := errors.Join(reader.Close(), reader.Close()); err != nil {
			t.Errorf("%s file: closing twice: %v", name, err)
		}
	}
}

func TestFileValuesShareNothing(t *testing.T) {
	t.Parallel()
	want := everythings()
	schema := avro.Typed[everything]().Schema().String()
	reader, err := avro.NewFileReader(bytes.NewReader(container(t, schema, avro.Snappy, want...)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var got []everything
	var value everything // one variable for all, as people write it
	for reader.Read(&value) == nil {
		got = append(got, value)
	}
	if !sameParts(want, got) {
		t.Errorf("values: got %+v, want %+v", got, want)
	}
}

func TestFileNeedsAPointer(t *testing.T) {
	t.Parallel()
	reader, err := avro.NewFileReader(bytes.NewReader(container(t, userSchema, avro.Null, manyUsers(1)...)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	wantError(t, reader.Read(user{}), "avro: reading an object container file into a avro_test.user: pass a pointer to a value")
	wantError(t, reader.Read((*user)(nil)), "avro: reading an object container file into a *avro_test.user: pass a pointer to a value")
	wantError(t, reader.Read(nil), "avro: reading an object container file into a <nil>: pass a pointer to a value")
	var value user
	if err := reader.Read(&value); err != nil || value != manyUsers(1)[0] {
		t.Errorf("read after the mistakes: got %+v and error %v, want the first value", value, err)
	}
}

func TestReaderSchemaResolvesFiles(t *testing.T) {
	t.Parallel()
	file := container(t, userSchema, avro.Deflate, manyUsers(2)...)
	newer := mustParse(t, userV2)
	got, err := readAll[citizen](file, newer)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]citizen{{0, "user 0", 0, "unknown"}, {1, "user 1", 1, "unknown"}}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}

	reader, err := avro.NewFileReader(bytes.NewReader(file), newer)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if reader.Schema() != newer {
		t.Errorf("schema: got %s, want that of the reader", reader.Schema())
	}
	var value any
	if err := reader.Read(&value); err != nil {
		t.Fatal(err)
	}
	text, err := reader.Schema().ValueJSON(value)
	if want := `{"id":0,"name":"user 0","age":0,"city":"unknown"}`; err != nil || string(text) != want {
		t.Errorf("value as JSON: got %s and error %v, want %s", text, err, want)
	}
}

func TestFileThatLacksAFieldNamesIt(t *testing.T) {
	t.Parallel()
	file := container(t, userSchema, avro.Null, manyUsers(1)...)
	tests := []struct {
		name, reader, want string
	}{
		{"a field", `{"type":"record","name":"User","namespace":"example.data","fields":[{"name":"email","type":"string"}]}`, "email"},
		{
			"the second of two fields",
			`{"type":"record","name":"User","namespace":"example.data","fields":[{"name":"email","type":"string"},{"name":"phone","type":"string"}]}`,
			"the reader's field phone is not in the writer's record example.data.User",
		},
		{"a nullable field without a default", `{"type":"record","name":"User","namespace":"example.data","fields":[{"name":"email","type":["null","string"]}]}`, "email"},
		{"a type", `{"type":"record","name":"User","namespace":"example.data","fields":[{"name":"name","type":"int"}]}`, "name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := avro.NewFileReader(bytes.NewReader(file), mustParse(t, tt.reader))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("NewFileReader: got %v, want an error that names %s", err, tt.want)
			}
		})
	}
}

func TestFileOfReferringSchemasStandsAlone(t *testing.T) {
	t.Parallel()
	type street struct {
		Name string `avro:"name"`
	}
	type home struct {
		Street street `avro:"street"`
	}
	schema := mustParse(t, record("Home", `{"name":"street","type":"Street"}`), record("Street", `{"name":"name","type":"string"}`))
	var file bytes.Buffer
	writer, err := avro.NewFileWriter(&file, schema, avro.Null)
	if err != nil {
		t.Fatal(err)
	}
	want := home{Street: street{Name: "a"}}
	if err := errors.Join(writer.Write(want), writer.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := readAll[home](file.Bytes(), nil)
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("read: got %+v and error %v, want %+v", got, err, want)
	}
}

func TestWriterRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	writer, err := avro.NewFileWriter(&file, mustParse(t, userSchema), avro.Deflate)
	if err != nil {
		t.Fatal(err)
	}
	want := manyUsers(2)
	bad := writer.Write(map[string]any{"id": 1, "name": "half"})
	if bad == nil || !strings.HasPrefix(bad.Error(), "avro: writing example.data.User to an object container file: ") {
		t.Errorf("write of a record without age: got %v", bad)
	}
	if err := errors.Join(writer.Write(want[0]), writer.Write(&want[1]), writer.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := readAll[user](file.Bytes(), nil)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("values beside the refused one: error %v (-want +got):\n%s", err, diff)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriterReportsTheDisk(t *testing.T) {
	t.Parallel()
	writer, err := avro.NewFileWriter(fullDisk{}, mustParse(t, userSchema), avro.Null)
	if err == nil {
		if err = writer.Write(manyUsers(1)[0]); err == nil {
			err = writer.Close()
		}
	}
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("writing to a full disk: got %v", err)
	}
}

func TestAFileIsResolvedAsMessagesAre(t *testing.T) {
	t.Parallel()
	kind := func(namespace, symbols string) string {
		return record("R", `{"name":"kind","type":["null",{"type":"enum","name":"Kind","namespace":"`+namespace+`","symbols":[`+symbols+`]}]}`)
	}
	file := byHand(join(long(1), text("avro.schema"), text(kind("a", `"A","B"`)), long(0)), block(1, []byte{2, 2}))
	reader, err := avro.NewFileReader(bytes.NewReader(file), mustParse(t, kind("b", `"B","A"`)))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Kind *string `avro:"kind"`
	}
	if err := reader.Read(&got); err != nil || got.Kind == nil || *got.Kind != "B" {
		t.Errorf("got %v and %v, want B", got.Kind, err)
	}
}
