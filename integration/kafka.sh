#!/usr/bin/env bash
# A real Kafka broker without Docker: one KRaft node on loopback, from the jars
# on Maven Central.
#
#   eval "$(integration/kafka.sh start)"   start it; sets KAFKA_BROKERS
#   integration/kafka.sh status            say whether it runs; exit code 3 when it does not
#   integration/kafka.sh stop              stop it
#
# Settings, all from the environment:
#   KAFKA_PORT     port for clients; the controller takes the next one (9092)
#   KAFKA_DATA     folder that keeps the records (a fresh one at every start)
#   GOKAVRO_CACHE  folder for jars, logs and data (~/.cache/gokavro/kafka)
#
# Several nodes can run beside each other, one a port. Needs Java 17 and Maven.
set -euo pipefail
export LC_ALL=C
# shellcheck source=integration/service.sh
source "$(dirname "${BASH_SOURCE[0]}")/service.sh"

readonly name=kafka.sh
readonly kafka_version=4.1.0
readonly scala_version=2.13
readonly slf4j_version=1.7.36
readonly copy_goal=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies
readonly start_seconds=90

cache=${GOKAVRO_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME or GOKAVRO_CACHE must be set}/.cache}/gokavro/kafka}
port=${KAFKA_PORT:-9092}

# ready sends an ApiVersions request (version 0, correlation id "gokv", no
# client id) and waits for that correlation id to come back.
ready() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf '\000\000\000\012\000\022\000\000gokv\377\377' >&3
    IFS= read -r -t 3 -d v -u 3 reply && [[ $reply == *gok ]]
  ) 2>/dev/null
}

fetch_jars() {
  [[ -d $jars ]] && return
  check_maven
  say "fetching Kafka $kafka_version from Maven Central into $jars"
  local work
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  write_pom >"$work/pom.xml"
  if ! mvn -q -B -f "$work/pom.xml" "$copy_goal" -DincludeScope=runtime -DoutputDirectory="$work/lib" >"$work/mvn.log" 2>&1; then
    tail -n 20 "$work/mvn.log" >&2
    die "Maven could not fetch the jars (all of its output is in $work/mvn.log)"
  fi
  # The rename makes half a download invisible; losing it to another start is fine.
  mv "$work/lib" "$jars" 2>/dev/null || [[ -d $jars ]] || die "moving the jars to $jars"
  rm -rf "$work"
}

write_pom() {
  cat <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>gokavro</groupId>
  <artifactId>kafka-node</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_$scala_version</artifactId>
      <version>$kafka_version</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>$kafka_version</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>$slf4j_version</version>
    </dependency>
  </dependencies>
</project>
POM
}

write_properties() {
  cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
PROPERTIES
}

format_data() {
  [[ -f $data/meta.properties ]] && return
  local id
  # A leading letter, because Kafka refuses an id that looks like an option.
  id=g$(head -c 15 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n')
  id=${id:0:21}A
  java -cp "$jars/*" "${java_log[@]}" kafka.tools.StorageTool format -t "$id" -c "$properties" >>"$log" 2>&1 ||
    die "formatting $data (see $log)"
}

start() {
  local pid
  if pid=$(service_pid); then
    say "already runs on 127.0.0.1:$port (pid $pid)"
    wait_until_ready "$pid" "$start_seconds"
    printf 'KAFKA_BROKERS=127.0.0.1:%s\n' "$port"
    return
  fi
  local taken
  for taken in "$port" "$controller_port"; do
    if connects "$taken"; then
      die "port $taken is in use: stop what listens there or choose another with KAFKA_PORT"
    fi
  done
  check_java "Kafka $kafka_version"
  mkdir -p "$node"
  fetch_jars
  [[ -n ${KAFKA_DATA:-} ]] || rm -rf "$data"
  mkdir -p "$data"
  write_properties >"$properties"
  : >"$log"
  format_data
  nohup java -Xms512m -Xmx1g -Djava.awt.headless=true -cp "$jars/*" "${java_log[@]}" \
    kafka.Kafka "$properties" >>"$log" 2>&1 </dev/null &
  pid=$!
  printf '%s\n' "$pid" >"$pid_file"
  say "starting Kafka $kafka_version on 127.0.0.1:$port (pid $pid, log $log)"
  wait_until_ready "$pid" "$start_seconds"
  printf 'KAFKA_BROKERS=127.0.0.1:%s\n' "$port"
}

stop() {
  stop_service
  [[ -n ${KAFKA_DATA:-} ]] || rm -rf "$data"
}

[[ $# -eq 1 ]] || usage
if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port >= 65535)); then
  die "KAFKA_PORT must be a port number below 65535, not \"$port\""
fi

mkdir -p "$cache" || die "making the cache folder $cache: set GOKAVRO_CACHE to a folder that can be written"
cache=$(cd "$cache" && pwd)
readonly cache port
readonly controller_port=$((port + 1))
readonly jars=$cache/kafka-$kafka_version
readonly node=$cache/node-$port
readonly properties=$node/server.properties
readonly mark=$properties
readonly pid_file=$node/kafka.pid
readonly log=$node/kafka.log
readonly data=${KAFKA_DATA:-$node/data}
readonly java_log=(
  -Dorg.slf4j.simpleLogger.logFile=System.err
  -Dorg.slf4j.simpleLogger.showDateTime=true
  -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn
  -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info
)

case $1 in
  start) start ;;
  stop) stop ;;
  status) status ;;
  *) usage ;;
esac
