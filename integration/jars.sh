#!/usr/bin/env bash
# Jars from Maven Central, with all that they need to run.
#
#   integration/jars.sh FOLDER GROUP:ARTIFACT:VERSION[:TYPE:CLASSIFIER]...
#
# makes FOLDER with the jars in it; one that is there is left as it is. What has a
# type of its own, such as tar.gz, comes alone. Needs Maven.
set -euo pipefail
export LC_ALL=C

readonly copy_goal=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies

say() { printf 'jars.sh: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

write_pom() {
  cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>gokavro</groupId>
  <artifactId>jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
POM
  local coordinate group artifact version type classifier more
  for coordinate in "$@"; do
    IFS=: read -r group artifact version type classifier <<<"$coordinate"
    more=''
    if [[ -n $type ]]; then
      more="<type>$type</type><classifier>$classifier</classifier><exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    fi
    printf '    <dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>%s</dependency>\n' \
      "$group" "$artifact" "$version" "$more"
  done
  printf '  </dependencies>\n</project>\n'
}

if [[ $# -lt 2 ]]; then
  say "usage: $0 FOLDER GROUP:ARTIFACT:VERSION[:TYPE:CLASSIFIER]..."
  exit 2
fi
readonly jars=$1
shift
[[ ! -d $jars ]] || exit 0
command -v mvn >/dev/null || die "mvn is not on the PATH: install Maven (apt-get install maven)"
say "fetching $* from Maven Central into $jars"
mkdir -p "$(dirname "$jars")"
work=$(mktemp -d "$(dirname "$jars")/fetch.XXXXXX")
write_pom "$@" >"$work/pom.xml"
if ! mvn -q -B -f "$work/pom.xml" "$copy_goal" -DincludeScope=runtime -DoutputDirectory="$work/lib" >"$work/mvn.log" 2>&1; then
  tail -n 20 "$work/mvn.log" >&2
  die "Maven could not fetch the jars (all of its output is in $work/mvn.log)"
fi
# The rename makes half a download invisible; losing it to another run is fine.
mv "$work/lib" "$jars" 2>/dev/null || [[ -d $jars ]] || die "moving the jars to $jars"
rm -rf "$work"
