#!/usr/bin/env bash
# start.sh DIR PORT [setting=value ...]   runs one Elasticsearch node on 127.0.0.1:PORT in the foreground, from the home this
# file lies in. DIR keeps its data and logs; a start on the same DIR finds the data again.
#   ES_JAVA_OPTS   more options for the JVM
set -euo pipefail
home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"/{conf,data,logs,tmp}
dir=$(cd "$1" && pwd)
port=$2
shift 2

cat >"$dir/conf/log4j2.properties" <<'END'
status = error
appender.file.type = File
appender.file.name = file
appender.file.fileName = ${sys:es.logs.base_path}${sys:file.separator}elasticsearch.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}]%marker %m%n
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
END
cat >"$dir/conf/elasticsearch.yml" <<END
cluster.name: test
node.name: test
path.data: $dir/data
path.logs: $dir/logs
network.host: 127.0.0.1
http.port: $port
transport.port: 0
discovery.type: single-node
xpack.security.enabled: false
cluster.routing.allocation.disk.threshold_enabled: false
END

# The quick compiler alone starts in half the time; these are functional tests.
options=(-Xms512m -Xmx512m -Xss1m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError
  -Djna.nosys=true -Dlog4j2.disable.jmx=true -Dlog4j.shutdownHookEnabled=false -Dio.netty.noUnsafe=true
  -Dio.netty.noKeySetOptimization=true -Dio.netty.recycler.maxCapacityPerThread=0 -Djava.awt.headless=true
  -Dfile.encoding=UTF-8 -Djava.locale.providers=SPI,COMPAT -Des.path.home="$home" -Des.distribution.type=zip
  -Djava.io.tmpdir="$dir/tmp")
if [ -e "$home/classes.jsa" ]; then options+=(-XX:SharedArchiveFile="$home/classes.jsa" -Xshare:auto); fi
cd "$dir/tmp"
# shellcheck disable=SC2086  # ES_JAVA_OPTS is a list
exec java "${options[@]}" ${ES_JAVA_OPTS:-} --module-path "$home/lib" --add-modules=ALL-MODULE-PATH \
  --add-modules=jdk.net,jdk.management.agent -cp "$home/launcher.jar" gatemeter.Launcher "$home" "$dir/conf" "$@"
