#!/usr/bin/env bash
# A real Apache Kafka broker (KRaft) for tests. Needs Java 17 and, the first time, Maven.
#
#   kafka.sh fetch                              copy the jars to the cache, print the folder
#   kafka.sh start DIR [OPTION..] [K=V..]       start on a free loopback port, print its address
#   kafka.sh stop DIR                           stop it by process id
#
# DIR holds server.properties, data/, log, pid, address and listeners. A second start in the same DIR goes on with
# the same data and ports. Options, and K=V, further broker settings, count when DIR is new, but the first two:
#
#   --owner PID               the broker ends when that process does
#   --heap SIZE               the largest heap, 512m where it is not given
#   --listener NAME=PROTOCOL  one more listener, SSL, SASL_PLAINTEXT or SASL_SSL; its address stands in listeners
#   --scram SPEC              a user, such as SCRAM-SHA-256=[name=ann,password=secret]
#   --join DIR1 --node ID     a further broker of the cluster that DIR1 started, with the number ID, 2 or more
#
# Exit status 3 says that Java, Maven or the jars cannot be had.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=4.1.1
cache=${SLUICE_CACHE:-$HOME/.cache/sluice}
jars=$cache/kafka-$version
plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1

fail() { echo "kafka.sh: $1" >&2; exit "${2:-1}"; }

fetch() {
  [ -d "$jars" ] && return
  command -v mvn >/dev/null || fail "mvn is not there; install Maven to fetch the broker once" 3
  mkdir -p "$cache"
  local part
  part=$(mktemp -d "$cache/part.XXXXXX")
  if ! mvn -q -B -f "$here/pom.xml" "$plugin:copy-dependencies" -DincludeScope=runtime -DoutputDirectory="$part" >"$part/mvn.log" 2>&1; then
    tail -5 "$part/mvn.log" >&2
    rm -rf "$part"
    fail "Maven cannot fetch Kafka $version" 3
  fi
  rm "$part/mvn.log"
  # of two fetches at once the first one wins
  if [ -d "$jars" ]; then rm -rf "$part"; else mv "$part" "$jars"; fi
}

# free_port finds a port that nothing listens on, below those that the system gives to clients.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

java_run() { java -cp "$jars/*" "$@"; }

# what the options said
owner= join= node=1 heap=512m
named=() scram=()

# settings for one small node: every internal topic once, a cleaner and a retention check that come round quickly.
settings() {
  local port=$1 control=$2 dir=$3
  local roles=broker,controller listeners=PLAINTEXT://127.0.0.1:$port advertised protocols=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
  local l at
  echo "PLAINTEXT 127.0.0.1:$port" >"$dir/listeners"
  for l in ${named[@]+"${named[@]}"}; do
    at=127.0.0.1:$(free_port)
    listeners+=,${l%%=*}://$at
    protocols+=,$l
    echo "${l%%=*} $at" >>"$dir/listeners"
  done
  advertised=$listeners
  if [ -n "$join" ]; then roles=broker; else listeners+=,CONTROLLER://127.0.0.1:$control; fi
  cat <<EOF
process.roles=$roles
node.id=$node
controller.quorum.bootstrap.servers=127.0.0.1:$control
listeners=$listeners
advertised.listeners=$advertised
listener.security.protocol.map=${protocols//=/:}
controller.listener.names=CONTROLLER
log.dirs=$dir/data
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
log.retention.check.interval.ms=300
log.initial.task.delay.ms=300
log.segment.delete.delay.ms=100
log.cleaner.backoff.ms=200
log.cleaner.dedupe.buffer.size=16777216
EOF
}

format() {
  local dir=$1 port control id spec
  shift
  local how=(--standalone)
  port=$(free_port)
  mkdir -p "$dir"
  if [ -n "$join" ]; then
    control=$(cat "$join/controller")
    id=$(cat "$join/cluster")
    how=()
  else
    control=$(free_port)
    id=$(java_run kafka.tools.StorageTool random-uuid 2>/dev/null)
  fi
  for spec in ${scram[@]+"${scram[@]}"}; do how+=(--add-scram "$spec"); done
  settings "$port" "$control" "$dir" >"$dir/server.properties"
  printf '%s\n' "$@" >>"$dir/server.properties"
  LC_ALL=C.UTF-8 java_run kafka.tools.StorageTool format ${how[@]+"${how[@]}"} -t "$id" -c "$dir/server.properties" >"$dir/log" 2>&1 ||
    { tail -5 "$dir/log" >&2; fail "the storage in $dir cannot be formatted"; }
  echo "$control" >"$dir/controller"
  echo "$id" >"$dir/cluster"
  echo "127.0.0.1:$port" >"$dir/address"
}

launch() {
  local dir=$1
  nohup java -Xms64m -Xmx$heap -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
    -cp "$jars/*" kafka.Kafka "$dir/server.properties" >"$dir/log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
}

# await returns when the broker says that it has started and its port answers.
await() {
  local dir=$1 address
  address=$(cat "$dir/address")
  for _ in $(seq 600); do
    kill -0 "$(cat "$dir/pid")" 2>/dev/null || { tail -20 "$dir/log" >&2; fail "the broker ended while it started"; }
    if grep -q 'Kafka Server started' "$dir/log" && (exec 3<>"/dev/tcp/${address%:*}/${address#*:}") 2>/dev/null; then
      return
    fi
    sleep 0.1
  done
  tail -20 "$dir/log" >&2
  stop "$dir"
  fail "the broker did not start within 60 s"
}

# guard ends the broker when its owner has ended, however that came.
guard() {
  local owner=$1 pid=$2
  (while kill -0 "$owner" 2>/dev/null && kill -0 "$pid" 2>/dev/null; do sleep 1; done
    kill "$pid" 2>/dev/null) >/dev/null 2>&1 </dev/null &
}

start() {
  local dir=$1
  shift
  while [ $# -ge 2 ]; do
    case $1 in
    --owner) owner=$2 ;;
    --heap) heap=$2 ;;
    --listener) named+=("$2") ;;
    --scram) scram+=("$2") ;;
    --join) join=$2 ;;
    --node) node=$2 ;;
    *) break ;;
    esac
    shift 2
  done
  command -v java >/dev/null || fail "java is not there; install Java 17" 3
  fetch
  [ -f "$dir/address" ] || format "$dir" "$@"
  launch "$dir"
  [ -z "$owner" ] || guard "$owner" "$(cat "$dir/pid")"
  await "$dir"
  cat "$dir/address"
}

stop() {
  local dir=$1 pid
  [ -f "$dir/pid" ] || return 0
  pid=$(cat "$dir/pid")
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 200); do
    kill -0 "$pid" 2>/dev/null || { rm -f "$dir/pid"; return 0; }
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$dir/pid"
}

case ${1:-} in
fetch) fetch; echo "$jars" ;;
start) shift; [ $# -ge 1 ] || fail "want: start DIR"; mkdir -p "$1"; dir=$(cd "$1" && pwd); shift; start "$dir" "$@" ;;
stop) [ $# -eq 2 ] || fail "want: stop DIR"; stop "$2" ;;
*) fail "want: fetch, start DIR or stop DIR" ;;
esac
