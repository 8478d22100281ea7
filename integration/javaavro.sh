#!/usr/bin/env bash
# Java's Avro from Maven Central, for the tests and benchmarks against it.
#
#   eval "$(integration/javaavro.sh)"; export AVRO_JAVA_CP
#
# fetches the jars, once, and sets AVRO_JAVA_CP to their class path.
#
# GOKAVRO_CACHE is the folder for the jars (~/.cache/gokavro/javaavro). To use
# them takes a JDK of Java 17 or newer, to fetch them Maven.
set -euo pipefail

readonly avro_version=1.12.0
cache=${GOKAVRO_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME or GOKAVRO_CACHE must be set}/.cache}/gokavro/javaavro}

if [[ $# -ne 0 ]]; then
  printf 'javaavro.sh: usage: %s\n' "$0" >&2
  exit 2
fi
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
# avro-compiler writes the classes of the benchmark, slf4j-nop says nothing.
"$(dirname "${BASH_SOURCE[0]}")/jars.sh" "$cache/avro-$avro_version" \
  "org.apache.avro:avro:$avro_version" "org.apache.avro:avro-compiler:$avro_version" \
  org.xerial.snappy:snappy-java:1.1.10.7 com.github.luben:zstd-jni:1.5.6-6 org.slf4j:slf4j-nop:2.0.13
printf 'AVRO_JAVA_CP=%q\n' "$cache/avro-$avro_version/*"
