#!/usr/bin/env bash
# A real schema registry without Docker: Apicurio on loopback, in memory, from
# Maven Central. It speaks Confluent's API.
#
#   eval "$(integration/registry.sh start)"   start it; sets SCHEMA_REGISTRY_URL
#   integration/registry.sh status            say whether it runs; exit code 3 when it does not
#   integration/registry.sh stop              stop it; its schemas are gone
#
# Settings, all from the environment:
#   REGISTRY_PORT  port to listen on (18081)
#   REGISTRY_DATA  folder of the registry's log and process id; who has another one
#                  neither takes it for its own nor stops it
#                  ($GOKAVRO_CACHE/registry-PORT)
#   GOKAVRO_CACHE  folder for jars (~/.cache/gokavro/registry)
#
# Several can run beside each other, one a port. Needs Java 17 and Maven.
set -euo pipefail
export LC_ALL=C
# shellcheck source=integration/service.sh
source "$(dirname "${BASH_SOURCE[0]}")/service.sh"

readonly name=registry.sh
readonly apicurio_version=2.6.13.Final
readonly start_seconds=180

cache=${GOKAVRO_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME or GOKAVRO_CACHE must be set}/.cache}/gokavro/registry}
port=${REGISTRY_PORT:-18081}

# request sends METHOD PATH BODY and prints the first line of the answer.
request() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf '%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' \
      "$1" "$2" "${#3}" "$3" >&3
    IFS= read -r -t 10 -u 3 line && printf '%s\n' "$line"
  ) 2>/dev/null
}

ready() { [[ $(request GET "$api/subjects" '') == *" 200 "* ]]; }

# set_level gives it the level that Confluent's registry begins with; its own
# is NONE.
set_level() {
  if [[ $(request PUT "$api/config" '{"compatibility":"BACKWARD"}') != *" 200 "* ]]; then
    stop_service
    die "setting the compatibility level to BACKWARD (see $log)"
  fi
}

fetch_app() {
  [[ -d $app ]] && return
  local packed=$app.packed work
  "$(dirname "${BASH_SOURCE[0]}")/jars.sh" "$packed" "io.apicurio:apicurio-registry-app:$apicurio_version:tar.gz:all"
  work=$(mktemp -d "$cache/unpack.XXXXXX")
  tar -xzf "$packed"/*.tar.gz -C "$work" || die "unpacking Apicurio in $work"
  # The rename makes half of it invisible; losing it to another start is fine.
  mv -T "$work" "$app" 2>/dev/null || [[ -d $app ]] || die "moving Apicurio to $app"
  rm -rf "$work" "$packed"
}

start() {
  local pid
  if pid=$(service_pid); then
    say "already runs on 127.0.0.1:$port (pid $pid)"
    wait_until_ready "$pid" "$start_seconds"
    printf 'SCHEMA_REGISTRY_URL=%s\n' "$url"
    return
  fi
  check_free "$port" REGISTRY_PORT
  check_java "Apicurio $apicurio_version"
  fetch_app
  nohup java -Xmx512m -Djava.awt.headless=true -Dquarkus.http.host=127.0.0.1 "$port_setting" \
    "$mark" -jar "$app/$runner" >"$log" 2>&1 </dev/null &
  pid=$!
  printf '%s\n' "$pid" >"$pid_file"
  say "starting Apicurio $apicurio_version on 127.0.0.1:$port (pid $pid, log $log)"
  wait_until_ready "$pid" "$start_seconds"
  set_level
  printf 'SCHEMA_REGISTRY_URL=%s\n' "$url"
}

[[ $# -eq 1 ]] || usage
if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65535)); then
  die "REGISTRY_PORT must be a port number, not \"$port\""
fi

cache=$(own_folder "$cache")
readonly cache port
readonly api=/apis/ccompat/v7
readonly url=http://127.0.0.1:$port$api
readonly app=$cache/apicurio-$apicurio_version
readonly runner=apicurio-registry-app-$apicurio_version-runner.jar
readonly port_setting=-Dquarkus.http.port=$port
node=$(own_folder "${REGISTRY_DATA:-$cache/registry-$port}")
readonly node
readonly mark=-Dgokavro.node=$node
readonly pid_file=$node/registry-$port.pid
readonly log=$node/registry.log

case $1 in
  start) start ;;
  stop) stop_service ;;
  status) status ;;
  *) usage ;;
esac
