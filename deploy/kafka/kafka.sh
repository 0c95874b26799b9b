#!/usr/bin/env bash
# Real Apache Kafka on loopback without containers: kafka.sh fetch | up | status | down | clean | with COMMAND...
# `with` runs the command beside an empty Kafka of its own, named in SHOPRELAY_TEST_KAFKA, and removes that afterwards; a
# test takes that Kafka away and brings it back with the command in SHOPRELAY_TEST_KAFKA_CONTROL and `stop`, `kill` or `start`.
# Jars, data and logs are under .lane in the repository. One node, KRaft, settings for tests: nothing is flushed to
# disk on purpose, groups do not wait for members, the log is cleaned within seconds so that tests can see compaction.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$here/../../.lane"
root=$(cd "$here/../../.lane" && pwd)
jars=$root/kafka-jars
lane=$root/${KAFKA_NAME:-kafka}
port=${KAFKA_PORT:-19092}
controller_port=$((port + 1))
jvm=(-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "-Dlog4j.configuration=file:$lane/log4j.properties")
mkdir -p "$lane"

need() { # need COMMAND PACKAGE
  command -v "$1" >/dev/null 2>&1 && return
  echo "$1 is not installed; on Debian: apt-get install $2. Or set SHOPRELAY_KAFKA to a Kafka you have." >&2
  exit 2
}

pid() { # the broker's process id, if it runs and is ours
  local id
  id=$(cat "$lane/pid" 2>/dev/null) || return 1
  kill -0 "$id" 2>/dev/null && command_of "$id" | grep -qF "$lane/server.properties" && echo "$id"
}

command_of() { if [ -r "/proc/$1/cmdline" ]; then tr '\0' ' ' <"/proc/$1/cmdline"; else ps -o command= -p "$1"; fi; }

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

fetch() {
  [ -e "$jars/.complete" ] && return
  need java openjdk-17-jre-headless
  need mvn maven
  rm -rf "$jars"
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars" \
    || { echo "Maven could not fetch Kafka's jars; is a Maven repository reachable?" >&2; exit 1; }
  touch "$jars/.complete"
}

configure() {
  cat >"$lane/log4j.properties" <<C
log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %c{1} %m%n
C
  cat >"$lane/server.properties" <<C
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$lane/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.backoff.ms=1000
log.cleaner.dedupe.buffer.size=16777216
log.retention.check.interval.ms=5000
C
}

up() {
  if pid >/dev/null; then echo "kafka runs already: 127.0.0.1:$port"; return; fi
  if answers; then echo "port $port is taken by something else; set KAFKA_PORT" >&2; exit 1; fi
  fetch
  configure
  if [ ! -f "$lane/data/meta.properties" ]; then
    java "${jvm[@]}" -cp "$jars/*" kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAQ \
      -c "$lane/server.properties" >"$lane/format.log" 2>&1 || { cat "$lane/format.log" >&2; exit 1; }
  fi
  nohup java "${jvm[@]}" -cp "$jars/*" kafka.Kafka "$lane/server.properties" >"$lane/log" 2>&1 </dev/null &
  local id=$!
  echo "$id" >"$lane/pid"
  for _ in $(seq 600); do
    if answers; then echo "kafka is up: 127.0.0.1:$port"; return; fi
    kill -0 "$id" 2>/dev/null || break
    sleep 0.1
  done
  echo "kafka did not come up; the end of $lane/log:" >&2
  tail -n 20 "$lane/log" >&2
  down
  exit 1
}

status() {
  local id
  if id=$(pid); then echo "kafka runs: 127.0.0.1:$port, pid $id"; else echo "kafka does not run"; return 1; fi
}

down() {
  local id
  if id=$(pid); then
    kill "$id"
    for _ in $(seq 150); do kill -0 "$id" 2>/dev/null || break; sleep 0.1; done
    if kill -0 "$id" 2>/dev/null; then kill -9 "$id"; fi
  fi
  rm -f "$lane/pid"
}

killed() { # as by a power cut
  local id
  if id=$(pid); then
    kill -9 "$id"
    while kill -0 "$id" 2>/dev/null; do sleep 0.1; done
  fi
  rm -f "$lane/pid"
}

clean() { # data and logs; the jars stay
  down
  rm -rf "$lane"
}

with() {
  local code=0
  fetch
  export KAFKA_NAME=kafka-test KAFKA_PORT=${KAFKA_TEST_PORT:-19192}
  "$0" clean
  trap '"$0" clean' EXIT
  "$0" up
  SHOPRELAY_TEST_KAFKA=127.0.0.1:$KAFKA_PORT SHOPRELAY_TEST_KAFKA_CONTROL="$here/kafka.sh" "$@" || code=$?
  if [ "$code" -ne 0 ]; then echo "the end of Kafka's log:"; tail -n 20 "$root/kafka-test/log"; fi
  return "$code"
}

case "${1:-}" in
  start) up ;;
  stop) down ;;
  kill) killed ;;
  fetch | up | status | down | clean) "$1" ;;
  with) [ $# -gt 1 ] || { echo "usage: kafka.sh with COMMAND..." >&2; exit 2; }; "$@" ;;
  *) echo "usage: kafka.sh fetch | up | status | down | clean | with COMMAND..." >&2; exit 2 ;;
esac
