package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gokavro/gokavro/codecs/avro"
	"github.com/gokavro/gokavro/processors/dlq"
	"github.com/gokavro/gokavro/topology/kafka"
)

// deadLetters puts two letters of topology flights into Kafka: one of a point
// whose x is -1, and one of bytes that are no Avro.
func (b *testBundle) deadLetters(t *testing.T) {
	t.Helper()
	b.topic(t, "flights-dead-letters", 1)
	b.topic(t, "flights-retry", 3)
	id := b.register(t, "points-value", pointV1)
	codec := avro.Typed[dlq.Letter](avro.Namespace(dlq.Namespace), avro.Name(dlq.Name),
		avro.Registry(b.registry), avro.Topic("flights-dead-letters"), avro.AutoRegister())
	for i, value := range [][]byte{framed(t, id, pointV1, point(-1)), {0xff, 'x'}} {
		key := []byte{'k', byte('0' + i)}
		l := dlq.Letter{
			Topic: "points", Partition: 2, Offset: int64(10 + i), Time: time.UnixMilli(1_700_000_000_000), Key: key, Value: &value,
			Headers: []dlq.Header{}, Step: "check", Error: "x is below 0", Attempts: 3, Position: dlq.Unknown,
			WriterSchema: int64(id), ReaderSchema: dlq.Unknown, Version: "v1.0.0", FailedAt: time.UnixMilli(1_700_000_001_000),
		}
		data, err := codec.Append(nil, &l)
		if err != nil {
			t.Fatal(err)
		}
		b.write(t, kafka.Record{Topic: "flights-dead-letters", Partition: 0, Key: key, Value: data})
	}
}

func TestDeadLettersAreListedAndShown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deadLetters(t)
	got := b.run(t, "dlq", "list", "--topology", "flights").ok(t)
	want := `LETTER  STATE  TOPIC   PARTITION  OFFSET  TIME                      KEY  STEP   ATTEMPTS  ERROR
0/0     open   points  2          10      2023-11-14T22:13:20.000Z  k0   check  3         x is below 0
0/1     open   points  2          11      2023-11-14T22:13:20.000Z  k1   check  3         x is below 0
`
	if diff := cmp.Diff(want, got.stdout); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	got = b.run(t, "dlq", "show", "--topology", "flights").ok(t)
	want = `letter         0/0, open
record         points/2 at offset 10, 2023-11-14T22:13:20.000Z
key            k0
step           check
error          x is below 0
writer schema  1
attempts       3
failed at      2023-11-14T22:13:21.000Z
version        v1.0.0
value          {"x":-1}
`
	first, second, _ := strings.Cut(got.stdout, "\n\n")
	if diff := cmp.Diff(want, first+"\n"); diff != "" {
		t.Errorf("show (-want +got):\n%s", diff)
	}
	if !strings.Contains(second, "value          0xff78 (avro: ") {
		t.Errorf("show: got %s, want the bytes and why they cannot be read", second)
	}
	for _, command := range []string{"list", "show"} {
		members := lines(t, b.run(t, "dlq", command, "--topology", "flights", "--letter", "0/1", "--json").ok(t).stdout)
		if len(members) != 1 || members[0]["letter"] != "0/1" || members[0]["key"] != "k1" || members[0]["state"] != "open" {
			t.Errorf("%s: got %v", command, members)
		}
		if base64, shown := members[0]["value_base64"]; shown != (command == "show") || shown && base64 != "/3g=" {
			t.Errorf("%s: got value %v", command, base64)
		}
	}
	b.run(t, "dlq", "show", "--topology", "flights", "--step", "other").refused(t, 1, "no letter is meant")
	b.run(t, "dlq", "list", "--topology", "trains").refused(t, 1, "topology trains has no topic of dead letters", "topic prefix")
}

func TestDeadLettersAreReplayedAndDroppedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deadLetters(t)
	dry := b.run(t, "dlq", "replay", "--topology", "flights").ok(t)
	dry.oneLine(t, "letters that would be replayed into flights-retry: 2", "--execute")
	if lines := strings.Count(dry.stdout, "\n"); lines != 3 || len(b.read(t, "flights-retry")) > 0 {
		t.Errorf("got %d lines of a dry run and %d records, want 3 and 0", lines, len(b.read(t, "flights-retry")))
	}
	b.run(t, "dlq", "drop", "--topology", "flights", "--key", "k1").ok(t).oneLine(t, "letters that would be dropped: 1")
	b.run(t, "dlq", "drop", "--topology", "flights", "--key", "k1", "--execute").ok(t).oneLine(t, "letters dropped: 1")
	b.run(t, "dlq", "replay", "--topology", "flights", "--execute").ok(t).oneLine(t, "letters replayed: 1")
	b.run(t, "dlq", "replay", "--topology", "flights", "--execute").ok(t).oneLine(t, "letters replayed: 0")
	if records := b.read(t, "flights-retry"); len(records) != 1 || records[0].Partition != 2 || string(records[0].Key) != "k0" {
		t.Errorf("got %v in the retry topic, want the record of k0 in partition 2", records)
	}
	states := b.run(t, "dlq", "list", "--topology", "flights").ok(t).stdout
	if !strings.Contains(states, "0/0     replayed") || !strings.Contains(states, "0/1     dropped") {
		t.Errorf("got %s", states)
	}
	b.run(t, "dlq", "replay", "--topology", "flights", "--again", "--execute").ok(t).oneLine(t, "letters replayed: 2")
}

func TestDeadLettersAreMendedByHand(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deadLetters(t)
	shown := b.run(t, "dlq", "show", "--topology", "flights", "--json").ok(t).stdout
	edited := strings.Replace(shown, `"x":-1`, `"x":7`, 1)
	second := lines(t, shown)[1]
	delete(second, "value_base64")
	second["value"] = map[string]int{"x": 8}
	mended, err := json.Marshal(second)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(edited, "\n")
	path := file(t, "letters.json", []byte(first+"\n"+string(mended)))
	b.run(t, "dlq", "replay", "--topology", "flights", "--edit", path).ok(t).oneLine(t, "letters that would be replayed into flights-retry: 2")
	b.run(t, "dlq", "replay", "--topology", "flights", "--edit", path, "--execute").ok(t).oneLine(t, "letters replayed: 2")
	records := b.read(t, "flights-retry")
	for i, want := range []int{7, 8} {
		if diff := cmp.Diff(framed(t, 1, pointV1, point(want)), records[i].Value); diff != "" {
			t.Errorf("record %d (-want +got):\n%s", i, diff)
		}
	}
	tests := []struct {
		name, text string
		args, want []string
	}{
		{name: "no JSON", text: "{", want: []string{"letters.json", "object 1", "no JSON"}},
		{name: "nothing", text: " ", want: []string{"holds no letter"}},
		{name: "no place", text: `{"value":1}`, want: []string{"object 1", "member letter"}},
		{name: "two values", text: `{"letter":"0/0","value":1,"value_base64":""}`, want: []string{"one of the members"}},
		{name: "a letter twice", text: first + first, want: []string{"object 2", "the letter 0/0 is in it twice"}},
		{name: "no such partition", text: `{"letter":"7/0","value":1}`, want: []string{"no letter 7/0", "has 1 partitions"}},
		{name: "another letter", text: first, args: []string{"--letter", "0/1"}, want: []string{"does not hold the letter 0/1"}},
		{name: "a value that does not fit", text: `{"letter":"0/0","value":{"x":"seven"}}`, args: []string{"--again"}, want: []string{"letter 0/0", "x"}},
		{name: "no base64", text: `{"letter":"0/0","value_base64":"%"}`, args: []string{"--again"}, want: []string{"letter 0/0", "value_base64"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"dlq", "replay", "--topology", "flights", "--edit", file(t, "letters.json", []byte(tt.text))}, tt.args...)
			b.run(t, args...).refused(t, 1, tt.want...)
		})
	}
	b.run(t, "dlq", "replay", "--topology", "flights", "--edit", path+".no").refused(t, 1, "--edit", "no such file")
	stdin := bytes.NewBufferString(`{"letter":"0/1","value_base64":"AAE="}`)
	b.runWith(t.Context(), stdin, "dlq", "replay", "--topology", "flights", "--edit", "-", "--again", "--execute").ok(t).oneLine(t, "letters replayed: 1")
	if records = b.read(t, "flights-retry"); string(records[2].Value) != "\x00\x01" {
		t.Errorf("got %q, want the bytes of the file", records[2].Value)
	}
}
