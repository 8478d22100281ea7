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

readonly kafka_version=4.1.0
readonly scala_version=2.13
readonly slf4j_version=1.7.36
readonly start_seconds=90
readonly stop_seconds=30

cache=${GOKAVRO_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME or GOKAVRO_CACHE must be set}/.cache}/gokavro/kafka}
port=${KAFKA_PORT:-9092}

say() { printf 'kafka.sh: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

usage() {
  say "usage: $0 start|stop|status"
  exit 2
}

# alive tells whether a process runs. A dead one that nobody has waited for, as
# in a container without an init process, does not count.
alive() {
  kill -0 "$1" 2>/dev/null || return 1
  [[ ! -r /proc/$1/stat || $(<"/proc/$1/stat") != *") Z "* ]]
}

# pid_of_node prints the node's process id, if that process is alive and is
# really the node: after a reboot the number may belong to somebody else.
pid_of_node() {
  local pid command
  [[ -f $pid_file ]] || return 1
  pid=$(<"$pid_file")
  [[ $pid =~ ^[0-9]+$ ]] || return 1
  alive "$pid" || return 1
  if [[ -r /proc/$pid/cmdline ]]; then
    command=$(tr '\0' ' ' <"/proc/$pid/cmdline")
  else
    command=$(ps -p "$pid" -o command=)
  fi
  [[ $command == *"$properties"* ]] || return 1
  printf '%s\n' "$pid"
}

# connects tells whether anything listens on the port.
connects() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# answers sends an ApiVersions request (version 0, correlation id "gokv", no
# client id) and waits for that correlation id to come back.
answers() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
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

check_java() {
  command -v java >/dev/null || die "java is not on the PATH: install Java 17 or newer (apt-get install default-jre-headless)"
  local major
  major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
  ((${major:-0} >= 17)) || die "Kafka $kafka_version needs Java 17 or newer, this is Java ${major:-unknown}"
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

wait_for_broker() {
  local pid=$1 deadline=$((SECONDS + start_seconds))
  until answers "$port"; do
    if ! alive "$pid"; then
      rm -f "$pid_file"
      tail -n 20 "$log" >&2
      die "the broker ended while starting (see $log)"
    fi
    if ((SECONDS >= deadline)); then
      stop
      die "the broker did not answer within $start_seconds s (see $log)"
    fi
    sleep 0.25
  done
}

start() {
  local pid
  if pid=$(pid_of_node); then
    say "already runs on 127.0.0.1:$port (pid $pid)"
    wait_for_broker "$pid"
    printf 'KAFKA_BROKERS=127.0.0.1:%s\n' "$port"
    return
  fi
  local taken
  for taken in "$port" "$controller_port"; do
    if connects "$taken"; then
      die "port $taken is in use: stop what listens there or choose another with KAFKA_PORT"
    fi
  done
  check_java
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
  wait_for_broker "$pid"
  printf 'KAFKA_BROKERS=127.0.0.1:%s\n' "$port"
}

stop() {
  local pid deadline=$((SECONDS + stop_seconds))
  if ! pid=$(pid_of_node); then
    say "does not run on 127.0.0.1:$port"
    rm -f "$pid_file"
    return
  fi
  kill -TERM "$pid"
  while alive "$pid"; do
    if ((SECONDS >= deadline)); then
      say "still there after $stop_seconds s, killing pid $pid"
      kill -KILL "$pid" 2>/dev/null || true
      break
    fi
    sleep 0.2
  done
  rm -f "$pid_file"
  [[ -n ${KAFKA_DATA:-} ]] || rm -rf "$data"
  say "stopped pid $pid"
}

status() {
  local pid
  if pid=$(pid_of_node); then
    say "runs on 127.0.0.1:$port (pid $pid, log $log)"
    return
  fi
  say "does not run on 127.0.0.1:$port"
  return 3
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
