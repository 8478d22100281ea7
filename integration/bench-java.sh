#!/usr/bin/env bash
# CPU time of the order record: our typed codec beside the specific reader and
# writer of Java's Avro, in turns.
#
#   integration/bench-java.sh [ROUNDS]     default 3; prints a table of the least
#
# Java's numbers are of the thread that works and of its process with collector and
# compiler; ours are of the process. Both have 256 MiB of memory; ours are also
# taken with the 4 MiB that Go's collector allows so small a program by itself.
set -euo pipefail
export LC_ALL=C

cd "$(dirname "${BASH_SOURCE[0]}")"
readonly rounds=${1:-3} data=testdata/javabench
classes=$(./javaavro.sh)
eval "$classes"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build DIR natural|raw compiles the record's classes with the benchmark.
build() {
  java -cp "$AVRO_JAVA_CP" "$data/Generate.java" "$data/order.avsc" "$1/src" "$2"
  find "$1/src" -name '*.java' -exec javac -nowarn -d "$1/classes" -cp "$AVRO_JAVA_CP" "$data/Bench.java" {} +
}

# java_bench NAME CLASSES OPTION... prints lines of operation, name and time.
java_bench() {
  local name=$1 classes=$2
  shift 2
  java -Xmx256m -Dorg.apache.avro.specific.use_custom_coders=true "$@" -cp "$classes:$AVRO_JAVA_CP" Bench "$datum" |
    awk -v name="$name" '{ print $1 "|Java, " name ", thread|" $2; print $1 "|Java, " name ", process|" $3 }'
}

# go_bench NAME VARIABLE... does too.
go_bench() {
  local name=$1
  shift
  env "$@" "$work/bench.test" -test.run '^$' -test.bench BesideJava -test.benchtime 300ms -test.count 6 |
    awk -v name="$name" '/^BenchmarkOrderBesideJava/ {
      split($1, part, /[\/-]/)
      for (i = 2; i <= NF; i++) if ($i == "cpu-ns/op") print part[2] "|Gokavro" name ", process|" int($(i - 1) + 0.5)
    }'
}

build "$work/natural" natural
build "$work/raw" raw
go test -c -o "$work/bench.test" .
datum=$(go run ../cmd/gokavro avro encode --schema "$data/order.avsc" --hex "$data/order.json")

for ((round = 0; round < rounds; round++)); do
  go_bench "" GOGC=off GOMEMLIMIT=256MiB
  go_bench ", 4 MiB" GOGC=100
  java_bench "String and BigDecimal" "$work/natural/classes"
  java_bench "String and BigDecimal, fast reader" "$work/natural/classes" -Dorg.apache.avro.fastread=true
  java_bench "Utf8 and ByteBuffer" "$work/raw/classes"
done >"$work/all"

echo '| ns of CPU an operation | encode | decode |'
echo '|---|---|---|'
awk -F'|' '
  !($2 in known) { known[$2]; names[++count] = $2 }
  !(($1, $2) in least) || $3 < least[$1, $2] { least[$1, $2] = $3 }
  END { for (i = 1; i <= count; i++) print "| " names[i] " | " least["encode", names[i]] " | " least["decode", names[i]] " |" }
' "$work/all"
