#!/usr/bin/env bash
# Java's Avro from Maven Central, for the tests and benchmarks against it.
#
#   eval "$(integration/javaavro.sh)"; export AVRO_JAVA_CP
#
# fetches the jars, once, and sets AVRO_JAVA_CP to their class path.
#
# GOKAVRO_CACHE is the folder for the jars (~/.cache/gokavro/javaavro). Needs a
# JDK of Java 17 or newer, and Maven.
set -euo pipefail
export LC_ALL=C

readonly avro_version=1.12.0
readonly snappy_version=1.1.10.7
readonly zstd_version=1.5.6-6
readonly slf4j_version=2.0.13
readonly copy_goal=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies

cache=${GOKAVRO_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME or GOKAVRO_CACHE must be set}/.cache}/gokavro/javaavro}

say() { printf 'javaavro.sh: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

fetch_jars() {
  [[ -d $jars ]] && return
  command -v mvn >/dev/null || die "mvn is not on the PATH: install Maven (apt-get install maven)"
  say "fetching Java's Avro $avro_version from Maven Central into $jars"
  local work
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  write_pom >"$work/pom.xml"
  if ! mvn -q -B -f "$work/pom.xml" "$copy_goal" -DincludeScope=runtime -DoutputDirectory="$work/lib" >"$work/mvn.log" 2>&1; then
    tail -n 20 "$work/mvn.log" >&2
    die "Maven could not fetch the jars (all of its output is in $work/mvn.log)"
  fi
  # The rename makes half a download invisible; losing it to another run is fine.
  mv "$work/lib" "$jars" 2>/dev/null || [[ -d $jars ]] || die "moving the jars to $jars"
  rm -rf "$work"
}

dependency() {
  printf '    <dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>\n' "$@"
}

# avro-compiler writes the classes of the benchmark.
write_pom() {
  cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>gokavro</groupId>
  <artifactId>java-avro</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
$(dependency org.apache.avro avro "$avro_version")
$(dependency org.apache.avro avro-compiler "$avro_version")
$(dependency org.xerial.snappy snappy-java "$snappy_version")
$(dependency com.github.luben zstd-jni "$zstd_version")
$(dependency org.slf4j slf4j-nop "$slf4j_version")
  </dependencies>
</project>
POM
}

[[ $# -eq 0 ]] || {
  say "usage: $0"
  exit 2
}
mkdir -p "$cache" || die "making the cache folder $cache: set GOKAVRO_CACHE to a folder that can be written"
cache=$(cd "$cache" && pwd)
readonly cache jars=$cache/avro-$avro_version
fetch_jars
printf 'AVRO_JAVA_CP=%q\n' "$jars/*"
