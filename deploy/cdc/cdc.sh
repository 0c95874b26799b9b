#!/usr/bin/env bash
# Change data capture on loopback without containers: PostgreSQL, MariaDB, Debezium on Kafka Connect, a registry, Kafka.
#   cdc.sh fetch | up | status | down | clean | with COMMAND...
#   cdc.sh start | stop | kill | restart  postgres | mariadb | connect | registry | kafka
# `with` runs the command beside an empty lane of its own, which the environment names (see `environment`), and removes
# that afterwards, whatever happened. Kafka is that of ../kafka/kafka.sh; the databases are the machine's own binaries
# with data of ours: no packaged server is used or touched. Nothing is flushed to disk, and neither database is in UTC, on purpose.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$here/../../.lane"
root=$(cd "$here/../../.lane" && pwd)
jars=$root/cdc-jars
name=${CDC_NAME:-cdc}
lane=$root/$name
data=$lane # of the databases; where their users may not look into this folder, see `owned`
[ ! -e "$lane/elsewhere" ] || data=$(cat "$lane/elsewhere")
base=${CDC_PORT:-19300}
registry=$((base + 81)) connect=$((base + 83)) postgres=$((base + 32)) mariadb=$((base + 6))
export KAFKA_NAME=$name-kafka KAFKA_PORT=$((base + 92))
export CDC_PASSWORD=${CDC_PASSWORD:-of-the-lane} # of the databases' replication user; Connect reads it, too
servers=(postgres mariadb registry connect)
jvm=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 "-Dlog4j.configuration=file:$lane/log4j.properties")
PATH=$PATH:/usr/sbin:$(printf '%s:' /usr/lib/postgresql/*/bin)
mkdir -p "$lane"

need() { # need COMMAND PACKAGE
  command -v "$1" >/dev/null 2>&1 && return
  echo "$1 is not installed; on Debian: apt-get install --no-install-recommends $2" >&2
  exit 2
}

pid() { # pid SERVER: its process id, if it runs and is ours
  local id
  id=$(cat "$lane/$1.pid" 2>/dev/null) || return 1
  kill -0 "$id" 2>/dev/null && tr '\0' ' ' <"/proc/$id/cmdline" | grep -qF -e "$lane/" -e "$data/" && echo "$id"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# -- jars

jars_of() { # jars_of POM FOLDER [OPTION]
  mvn -q -B -f "$here/poms/$1.xml" dependency:copy-dependencies "-DoutputDirectory=$jars/$2" "${@:3}" \
    || { echo "Maven could not fetch the jars of $1; is a Maven repository reachable?" >&2; exit 1; }
}

fetch() {
  need java openjdk-17-jre-headless
  need mvn maven
  need curl curl
  need initdb postgresql-15
  need mariadb-install-db mariadb-server
  "$here/../kafka/kafka.sh" fetch
  [ ! -e "$jars/.complete" ] || return 0
  rm -rf "$jars"
  jars_of connect libs -DincludeScope=runtime
  for plugin in debezium-postgres debezium-mariadb apicurio-converter; do
    jars_of "$plugin" "plugins/$plugin" -DincludeScope=runtime
  done
  jars_of registry archive
  mkdir "$jars/registry"
  tar xzf "$jars"/archive/*.tar.gz -C "$jars/registry"
  rm -r "$jars/archive"
  touch "$jars/.complete"
}

# -- each server: what it is run by, and when it answers

as() { # as USER COMMAND...: becomes the command; neither database wants to be root
  local user=$1
  shift
  if [ "$(id -u)" -eq 0 ]; then exec setpriv --reuid="$user" --regid="$user" --init-groups "$@"; else exec "$@"; fi
}

owned() { # owned USER NAME: a folder of that user's, who has to be able to reach it; sets `data`
  mkdir -p "$data/$2"
  [ "$(id -u)" -eq 0 ] || return 0
  chown "$1:" "$data/$2"
  (as "$1" test -w "$data/$2") && return
  [ "$data" = "$lane" ] || { echo "$1 cannot reach $data" >&2; exit 2; }
  exec 9>"$lane/lock" # both databases may find out at once
  flock 9
  [ -e "$lane/elsewhere" ] || { mktemp -d /tmp/shoprelay-cdc.XXXXXX >"$lane/elsewhere"; chmod 755 "$(cat "$lane/elsewhere")"; }
  exec 9>&-
  data=$(cat "$lane/elsewhere")
  owned "$1" "$2"
}

run_postgres() {
  owned postgres postgres
  if [ ! -e "$data/postgres/PG_VERSION" ]; then
    (as postgres initdb -D "$data/postgres" -U postgres --auth=trust --no-sync -E UTF8 --locale=C.UTF-8) || exit 1
  fi
  as postgres postgres -D "$data/postgres" -p "$postgres" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c wal_level=logical -c max_wal_senders=16 -c max_replication_slots=16 -c max_slot_wal_keep_size=512MB \
    -c timezone=Asia/Kolkata -c shared_buffers=32MB -c fsync=off -c synchronous_commit=off
}

run_mariadb() {
  local own
  owned mysql mariadb
  own=$data/mariadb
  if [ ! -e "$own/mysql" ]; then
    (as mysql mariadb-install-db --no-defaults --datadir="$own" --auth-root-authentication-method=normal \
      --skip-test-db) || exit 1
  fi
  as mysql mariadbd --no-defaults --datadir="$own" --socket="$own/socket" --pid-file="$own/pid" \
    --bind-address=127.0.0.1 --port="$mariadb" --server-id=5401 --log-bin=binlog --binlog-format=ROW \
    --binlog-row-image=FULL --binlog-row-metadata=FULL --skip-name-resolve --innodb-buffer-pool-size=32M \
    --innodb-flush-log-at-trx-commit=0 --performance-schema=OFF --skip-ssl --default-time-zone=+05:30
}

run_registry() {
  export QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT=$registry REGISTRY_DATASOURCE_URL=jdbc:h2:file:$lane/registry/db
  exec java -Xmx128m "${jvm[@]}" -jar "$jars"/registry/apicurio-registry-app-*-runner.jar
}

run_connect() {
  cat >"$lane/connect.properties" <<C
bootstrap.servers=127.0.0.1:$KAFKA_PORT
group.id=$name
listeners=http://127.0.0.1:$connect
plugin.path=$jars/plugins
plugin.discovery=only_scan
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
config.providers=env
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
config.providers.env.param.allowlist.pattern=CDC_.*
config.storage.topic=_connect_configs
offset.storage.topic=_connect_offsets
status.storage.topic=_connect_status
config.storage.replication.factor=1
offset.storage.replication.factor=1
offset.storage.partitions=1
status.storage.replication.factor=1
status.storage.partitions=1
offset.flush.interval.ms=1000
scheduled.rebalance.max.delay.ms=0
exactly.once.source.support=enabled
C
  exec java -Xmx384m "${jvm[@]}" -cp "$jars/libs/*" org.apache.kafka.connect.cli.ConnectDistributed \
    "$lane/connect.properties"
}

answers() { # answers SERVER
  case $1 in
    postgres) pg_isready -q -h 127.0.0.1 -p "$postgres" ;;
    mariadb) mariadb-admin --no-defaults --protocol=tcp -h 127.0.0.1 -P "$mariadb" -u root ping ;;
    registry) curl -fs "http://127.0.0.1:$registry/apis/ccompat/v7/subjects" ;;
    connect) curl -fs "http://127.0.0.1:$connect/connectors" ;;
  esac >/dev/null 2>&1
}

# -- one of them

begin() { # begin SERVER: without waiting for it
  ! pid "$1" >/dev/null || return 0
  if listens "${!1}"; then echo "port ${!1} of $1 is taken by something else; set CDC_PORT" >&2; exit 1; fi
  nohup "$0" run "$1" "$lane/" >>"$lane/$1.log" 2>&1 </dev/null &
  echo $! >"$lane/$1.pid"
}

ready() { # ready SERVER
  local id
  id=$(cat "$lane/$1.pid")
  for _ in $(seq 900); do
    if answers "$1"; then return; fi
    kill -0 "$id" 2>/dev/null || break
    sleep 0.1
  done
  echo "$1 did not come up; the end of $lane/$1.log:" >&2
  tail -n 20 "$lane/$1.log" >&2
  return 1
}

stop() { # stop SERVER SIGNAL: killed when it takes its time; back when it is gone
  local id
  if id=$(pid "$1"); then
    kill "-$2" "$id"
    for _ in $(seq 150); do kill -0 "$id" 2>/dev/null || break; sleep 0.1; done
    if kill -0 "$id" 2>/dev/null; then kill -KILL "$id"; fi
    while kill -0 "$id" 2>/dev/null; do sleep 0.1; done
  fi
  rm -f "$lane/$1.pid"
}

one() { # one COMMAND SERVER
  case "$2" in
    kafka) [ "$1" != restart ] || { one stop kafka && one start kafka; return; }; "$here/../kafka/kafka.sh" "$1"; return ;;
    postgres | mariadb | registry | connect) ;;
    *) echo "which? ${servers[*]} kafka" >&2; exit 2 ;;
  esac
  case "$1" in
    start) begin "$2" && ready "$2" ;;
    kill) stop "$2" KILL ;;
    stop) if [ "$2" = postgres ]; then stop "$2" INT; else stop "$2" TERM; fi ;; # TERM waits for its clients to leave
    restart) one stop "$2" && one start "$2" ;;
  esac
}

# -- all of them

up() {
  fetch
  printf 'log4j.%s\n' 'rootLogger=WARN, out' appender.out=org.apache.log4j.ConsoleAppender \
    appender.out.layout=org.apache.log4j.PatternLayout 'appender.out.layout.ConversionPattern=%d %p %c{1} %m%n' \
    >"$lane/log4j.properties"
  local server
  for server in postgres mariadb registry; do begin "$server"; done
  one start kafka
  begin connect
  for server in "${servers[@]}"; do ready "$server" || { down; exit 1; }; done
  echo "change data capture is up:"
  environment | sed 's/^/export /'
}

environment() {
  cat <<E
SHOPRELAY_KAFKA=127.0.0.1:$KAFKA_PORT
SHOPRELAY_REGISTRY=http://127.0.0.1:$registry/apis/ccompat/v7
SHOPRELAY_CONNECT=http://127.0.0.1:$connect
SHOPRELAY_POSTGRES=127.0.0.1:$postgres
SHOPRELAY_MARIADB=127.0.0.1:$mariadb
SHOPRELAY_CDC_CONTROL=$here/cdc.sh
CDC_NAME=$name
CDC_PORT=$base
CDC_PASSWORD=$CDC_PASSWORD
E
}

status() {
  local server id code=0
  for server in "${servers[@]}"; do
    if id=$(pid "$server"); then echo "$server runs: 127.0.0.1:${!server}, pid $id"; else echo "$server does not run"; code=1; fi
  done
  "$here/../kafka/kafka.sh" status || code=1
  return "$code"
}

down() {
  local server
  for server in connect registry mariadb postgres; do one stop "$server"; done
  one stop kafka
}

clean() { # data and logs; the jars stay
  down
  "$here/../kafka/kafka.sh" clean
  [ "$data" = "$lane" ] || rm -rf "$data"
  rm -rf "$lane"
}

with() {
  local code=0 set
  fetch
  export CDC_NAME=cdc-test CDC_PORT=${CDC_TEST_PORT:-19400}
  "$0" clean
  trap '"$0" clean' EXIT
  "$0" up
  mapfile -t set < <("$0" environment)
  env "${set[@]}" "$@" || code=$?
  if [ "$code" -ne 0 ]; then echo "the end of Connect's log:"; tail -n 30 "$root/cdc-test/connect.log"; fi
  return "$code"
}

case "${1:-}" in
  fetch | up | status | down | clean | environment) "$1" ;;
  start | stop | kill | restart) one "$1" "${2:-}" ;;
  run) "run_$2" ;; # what `begin` runs; it also names the lane, by which `pid` knows it
  with) [ $# -gt 1 ] || { echo "usage: cdc.sh with COMMAND..." >&2; exit 2; }; "$@" ;;
  *) sed -n '3,4s/^# *//p' "$0" >&2; exit 2 ;;
esac
