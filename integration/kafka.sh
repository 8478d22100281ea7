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
#   KAFKA_DATA     folder of the node, which keeps its records; who has another one
#                  neither takes the node for its own nor stops it
#                  ($GOKAVRO_CACHE/node-PORT, with no records at every start)
#   GOKAVRO_CACHE  folder for jars (~/.cache/gokavro/kafka)
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
  "$(dirname "${BASH_SOURCE[0]}")/jars.sh" "$jars" "org.apache.kafka:kafka_$scala_version:$kafka_version" \
    "org.apache.kafka:kafka-tools:$kafka_version" "org.slf4j:slf4j-simple:$slf4j_version"
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
  check_free "$port" KAFKA_PORT
  check_free "$controller_port" KAFKA_PORT
  check_java "Kafka $kafka_version"
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

cache=$(own_folder "$cache")
readonly cache port
readonly controller_port=$((port + 1))
readonly jars=$cache/kafka-$kafka_version
node=$(own_folder "${KAFKA_DATA:-$cache/node-$port}")
readonly node
readonly properties=$node/server.properties
readonly mark=$properties
readonly pid_file=$node/kafka-$port.pid
readonly log=$node/kafka.log
readonly data=$node/data
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
