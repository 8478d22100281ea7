#!/usr/bin/env bash
# A real Kafka without Docker: KRaft nodes on loopback, from the jars on Maven
# Central.
#
#   eval "$(integration/kafka.sh start)"   start one node; sets KAFKA_BROKERS
#   integration/kafka.sh status            say what runs; exit code 3 when a node does not
#   integration/kafka.sh stop              stop it
#
# Three nodes keep three copies of each topic and elect another leader when one of
# them is away (min.insync.replicas is 2):
#
#   eval "$(integration/kafka.sh start --nodes 3)"
#   integration/kafka.sh stop --node 2     stop one, kill --node 2 to kill -9 it
#   integration/kafka.sh start --node 2    bring it back
#
# On a single node ACLs count; everybody may do what there are none for.
#
# Settings, all from the environment:
#   KAFKA_PORT     port for clients; the controller takes the next one, and each
#                  further node the two after those (9092)
#   KAFKA_DATA     folder of the nodes, which keeps their records; who has another one
#                  neither takes the nodes for its own nor stops them
#                  ($GOKAVRO_CACHE/node-PORT, with no records at every start)
#   GOKAVRO_CACHE  folder for jars (~/.cache/gokavro/kafka)
#
# Several can run beside each other, each with ports of its own. Needs Java 17 and
# Maven.
set -euo pipefail
export LC_ALL=C
# shellcheck source=integration/service.sh
source "$(dirname "${BASH_SOURCE[0]}")/service.sh"

readonly name=kafka.sh
readonly kafka_version=4.1.0
readonly scala_version=2.13
readonly slf4j_version=1.7.36
readonly start_seconds=180
readonly most_nodes=9

usage() {
  say "usage: $0 start [--nodes N | --node N] | stop [--node N] | kill --node N | status"
  exit 2
}

cache=${GOKAVRO_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME or GOKAVRO_CACHE must be set}/.cache}/gokavro/kafka}
first_port=${KAFKA_PORT:-9092}

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

# known_nodes prints how many nodes the folder has, 0 for a new one. The first one
# is in the folder itself.
known_nodes() {
  local folders=("$root"/node-*/)
  if [[ -d ${folders[0]} ]]; then
    echo $((${#folders[@]} + 1))
  else
    [[ -f $root/server.properties ]] && echo 1 || echo 0
  fi
}

# select_node makes a node the one that all that follows is about.
select_node() {
  id=$1
  port=$(client_port "$id")
  controller_port=$((port + 1))
  folder=$root
  ((id == 1)) || folder=$root/node-$id
  properties=$folder/server.properties
  mark=$properties
  pid_file=$folder/kafka-$port.pid
  log=$folder/kafka.log
  data=$folder/data
}

client_port() { echo $((first_port + 2 * ($1 - 1))); }

# each runs a command for each node, and tells whether all went well.
each() {
  local number failed=0
  for ((number = 1; number <= nodes; number++)); do
    select_node "$number"
    "$@" || failed=$?
  done
  return "$failed"
}

brokers() {
  local number list=()
  for ((number = 1; number <= nodes; number++)); do
    list+=("127.0.0.1:$(client_port "$number")")
  done
  (IFS=, && echo "${list[*]}")
}

voters() {
  local number list=()
  for ((number = 1; number <= nodes; number++)); do
    list+=("$number@127.0.0.1:$(($(client_port "$number") + 1))")
  done
  (IFS=, && echo "${list[*]}")
}

write_properties() {
  cat <<PROPERTIES
process.roles=broker,controller
node.id=$id
controller.quorum.voters=$(voters)
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$in_sync
PROPERTIES
  if ((nodes == 1)); then
    # Nodes that do not sign in could not elect a controller with it.
    cat <<PROPERTIES
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
PROPERTIES
    return
  fi
  cat <<PROPERTIES
default.replication.factor=$copies
min.insync.replicas=$in_sync
log.cleaner.dedupe.buffer.size=16777216
PROPERTIES
}

# cluster_id prints the id of the first node's cluster, a new one for itself.
cluster_id() {
  local random
  if ((id > 1)); then
    sed -n 's/^cluster.id=//p' "$root/data/meta.properties"
    return
  fi
  # A leading letter, because Kafka refuses an id that looks like an option.
  random=g$(head -c 15 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n')
  printf '%s\n' "${random:0:21}A"
}

format_data() {
  [[ -f $data/meta.properties ]] && return
  java -cp "$jars/*" "${java_log[@]}" kafka.tools.StorageTool format -t "$(cluster_id)" -c "$properties" >>"$log" 2>&1 ||
    die "formatting $data (see $log)"
}

# launch starts a node and does not wait for it.
launch() {
  local pid heap=(-Xms512m -Xmx1g)
  ((nodes == 1)) || heap=(-Xms128m -Xmx512m)
  if pid=$(service_pid); then
    say "already runs on 127.0.0.1:$port (pid $pid)"
    return
  fi
  check_free "$port" KAFKA_PORT
  check_free "$controller_port" KAFKA_PORT
  check_java "Kafka $kafka_version"
  fetch_jars
  mkdir -p "$data"
  write_properties >"$properties"
  : >"$log"
  format_data
  nohup java "${heap[@]}" -Djava.awt.headless=true -cp "$jars/*" "${java_log[@]}" \
    kafka.Kafka "$properties" >>"$log" 2>&1 </dev/null &
  pid=$!
  printf '%s\n' "$pid" >"$pid_file"
  say "starting Kafka $kafka_version on 127.0.0.1:$port (pid $pid, log $log)"
}

# await goes by the file: a process that was only just launched does not show the
# service's command line yet.
await() { wait_until_ready "$(<"$pid_file")" "$start_seconds"; }

runs() { service_pid >/dev/null; }

# forget removes all records, and the further nodes, of a folder that keeps none.
forget() { [[ -n ${KAFKA_DATA:-} ]] || rm -rf "$root/data" "$root/server.properties" "$root"/node-*/; }

# start starts the wanted nodes, or those that the folder has.
start() {
  nodes=$(known_nodes)
  if ! any_runs; then
    forget
    nodes=$(known_nodes)
  fi
  if ((nodes > 0 && wanted > 0 && nodes != wanted)); then
    die "$root is for $nodes nodes, not for $wanted: stop them and choose another folder with KAFKA_DATA"
  fi
  ((nodes > 0)) || nodes=$((wanted > 0 ? wanted : 1))
  trap stop EXIT # of what has not come up whole
  start_nodes each
  trap - EXIT
}

# start_nodes starts the nodes that the given command is for.
start_nodes() {
  copies=$((nodes < 3 ? nodes : 3))
  in_sync=$((copies > 2 ? 2 : 1))
  "$@" launch
  "$@" await
  printf 'KAFKA_BROKERS=%s\n' "$(brokers)"
}

any_runs() {
  local number
  for ((number = 1; number <= nodes; number++)); do
    select_node "$number"
    ! runs || return 0
  done
  return 1
}

# stop stops all nodes at once: the last one of several would wait for the others.
stop() {
  local number
  for ((number = 1; number <= nodes; number++)); do
    select_node "$number"
    stop_service &
  done
  wait
  forget
}

kill_node() {
  local pid
  pid=$(service_pid) || die "does not run on 127.0.0.1:$port"
  kill -KILL "$pid"
  while alive "$pid"; do sleep 0.05; done
  rm -f "$pid_file"
  say "killed pid $pid"
}

# one runs a command for the node that was selected.
one() { "$@"; }

readonly verb=${1:-} option=${2:-} value=${*:3}
wanted=0
single=0
case $option in
  '') [[ $# -le 1 ]] || usage ;;
  --nodes) wanted=$value ;;
  --node) single=$value ;;
  *) usage ;;
esac
if [[ -n $option && ! $value =~ ^[1-$most_nodes]$ ]]; then
  die "$option must be a number from 1 to $most_nodes, not \"$value\""
fi
if ! [[ $first_port =~ ^[1-9][0-9]{0,4}$ ]] || (($(client_port $((wanted > 0 ? wanted : 1))) >= 65535)); then
  die "KAFKA_PORT must be a port number below 65535, not \"$first_port\""
fi

cache=$(own_folder "$cache")
root=$(own_folder "${KAFKA_DATA:-$cache/node-$first_port}")
readonly cache root first_port wanted single
readonly jars=$cache/kafka-$kafka_version
readonly java_log=(
  -Dorg.slf4j.simpleLogger.logFile=System.err
  -Dorg.slf4j.simpleLogger.showDateTime=true
  -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn
  -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info
)

nodes=$(known_nodes)
((nodes > 0)) || nodes=1
if ((single > nodes)); then
  die "there is no node $single: $root has $nodes"
fi
select_node $((single > 0 ? single : 1))

case $verb$((wanted > 0))$((single > 0)) in
  start00 | start10) start ;;
  start01) start_nodes one ;;
  stop00) stop ;;
  stop01) stop_service ;;
  kill01) kill_node ;;
  status00) each status ;;
  *) usage ;;
esac
