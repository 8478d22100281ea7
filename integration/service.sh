# What kafka.sh and registry.sh share: a service that is one Java process on
# loopback. They source it and set, before they call anything of it:
#
#   name      the script's name, for messages
#   port      where the service listens
#   mark      what only this service has on its command line
#   pid_file  the file that holds its process id
#   log       the file that holds what it says
#
# and define ready, which tells whether the service answers.
# shellcheck shell=bash disable=SC2154

readonly stop_seconds=30

say() { printf '%s: %s\n' "$name" "$*" >&2; }
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

# service_pid prints the service's process id, if that process is alive and is
# really the service: after a reboot the number may belong to somebody else.
service_pid() {
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
  [[ $command == *"$mark"* ]] || return 1
  printf '%s\n' "$pid"
}

# own_folder makes a folder and prints its full name.
own_folder() {
  mkdir -p "$1" || die "making the folder $1: choose one that can be written (see the settings in $0)"
  (cd "$1" && pwd)
}

# check_free PORT SETTING ends with an error when anything listens there: it is
# not the service of pid_file, so it is somebody else's.
check_free() {
  if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
    die "port $1 is in use by what this script did not start from $(dirname "$pid_file"): stop it or choose another port with $2"
  fi
}

# check_java PRODUCT wants Java 17 or newer.
check_java() {
  command -v java >/dev/null || die "java is not on the PATH: install Java 17 or newer (apt-get install default-jre-headless)"
  local major
  major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
  ((${major:-0} >= 17)) || die "$1 needs Java 17 or newer, this is Java ${major:-unknown}"
}

# wait_until_ready PID SECONDS
wait_until_ready() {
  local pid=$1 deadline=$((SECONDS + $2))
  until ready; do
    if ! alive "$pid"; then
      rm -f "$pid_file"
      tail -n 20 "$log" >&2
      die "it ended while starting (see $log)"
    fi
    if ((SECONDS >= deadline)); then
      stop_service
      die "it did not answer within $2 s (see $log)"
    fi
    sleep 0.25
  done
}

stop_service() {
  local pid deadline=$((SECONDS + stop_seconds))
  if ! pid=$(service_pid); then
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
  say "stopped pid $pid"
}

status() {
  local pid
  if pid=$(service_pid); then
    say "runs on 127.0.0.1:$port (pid $pid, log $log)"
    return
  fi
  say "does not run on 127.0.0.1:$port"
  return 3
}
