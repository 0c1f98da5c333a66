#!/usr/bin/env bash
# install.sh puts what the tests against real servers need on a Debian 12 machine: nginx, HAProxy, rsyslog, syslog-ng,
# logrotate, ab, carbon and graphite-web from Debian, StatsD from npm, Elasticsearch and Kafka from Maven. Needs root for apt-get, or sudo that asks nothing.
#
# It may run any number of times: what is there is left alone, and a second run takes a fraction of a second. It fails,
# and says what could not be had, rather than leave a server out.
#
# Everything but Debian's packages goes to ${XDG_CACHE_HOME:-~/.cache}/gatemeter-test, each part under a name that changes
# with what it is made from, so that an old one is never taken for a new one.
set -euo pipefail
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gatemeter-test

elasticsearch_version=8.19.21
elasticsearch_sha256=215d5f3dbf0609a149f6218a9e47b6ae2df34ebbff3c5754e35f15a5e5393c8a

say() { printf 'servers: %s\n' "$*" >&2; }
die() { say "FAILED: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
key() { sha256sum | cut -c1-12; } # of stdin

# The Debian packages that are missing. A compiler, a JDK or Node from elsewhere will do; the rest is Debian's.
missing_packages() {
  [ -x /usr/sbin/nginx ] || echo nginx
  [ -x /usr/sbin/haproxy ] || echo haproxy
  [ -x /usr/sbin/rsyslogd ] || echo rsyslog
  [ -x /usr/sbin/logrotate ] || echo logrotate
  [ -x /usr/bin/ab ] || echo apache2-utils
  [ -x /usr/bin/carbon-cache ] || echo graphite-carbon
  [ -x /usr/bin/graphite-manage ] || echo graphite-web
  [ -x /usr/bin/gunicorn ] || echo gunicorn
  [ -x /usr/bin/python3 ] || echo python3
  have curl || echo curl
  have git || echo git
  have gcc || printf '%s\n' gcc libc6-dev # go test -race
  have javac && have jar || echo default-jdk-headless
  have mvn || echo maven
  have node || echo nodejs
  have npm || echo npm
}

# Debian's nginx, HAProxy, rsyslog and carbon start themselves when installed, on the ports of a real server. policy-rc.d is Debian's way
# to forbid that; one that is there already is put back afterwards.
policy=/usr/sbin/policy-rc.d
keep_services_down() {
  if [ -e $policy ] || [ -L $policy ]; then $root mv $policy $policy.gatemeter; fi
  printf '#!/bin/sh\nexit 101\n' | $root tee $policy >/dev/null
  $root chmod 755 $policy
}
restore_policy() {
  $root rm -f $policy
  if [ -e $policy.gatemeter ] || [ -L $policy.gatemeter ]; then $root mv $policy.gatemeter $policy; fi
}

install_packages() {
  local -a packages
  mapfile -t packages < <(missing_packages)
  [ ${#packages[@]} -gt 0 ] || return 0
  have apt-get || die "these Debian packages are missing and there is no apt-get: ${packages[*]}"
  root=
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || die "run as root, or install: apt-get install --no-install-recommends ${packages[*]}"
    root="sudo -n"
  fi
  say "apt-get install ${packages[*]}"
  local apt="$root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3"
  trap restore_policy EXIT
  keep_services_down
  # A list that cannot be refreshed is no reason to stop while the packages themselves can be had.
  $apt update >&2 || say "apt-get update failed; going on with the lists that are there"
  $apt install --no-install-recommends -o Dpkg::Options::=--force-confold "${packages[@]}" >&2 || die "apt-get install ${packages[*]}"
  restore_policy
  trap - EXIT
  # Nor shall they come up at the next boot: whoever installs by this script wants none of them as a service.
  if have systemctl; then
    [[ " ${packages[*]} " != *" nginx "* ]] || $root systemctl disable -q nginx 2>/dev/null || true
    [[ " ${packages[*]} " != *" haproxy "* ]] || $root systemctl disable -q haproxy 2>/dev/null || true
    [[ " ${packages[*]} " != *" rsyslog "* ]] || $root systemctl disable -q rsyslog syslog.socket 2>/dev/null || true
    [[ " ${packages[*]} " != *" graphite-carbon "* ]] || $root systemctl disable -q carbon-cache 2>/dev/null || true
  fi
  mapfile -t packages < <(missing_packages)
  [ ${#packages[@]} = 0 ] || die "still missing after apt-get install: ${packages[*]}"
}

# Graphite runs under Debian's python, whatever other python comes first in PATH.
check_graphite() {
  /usr/bin/python3 -c 'import carbon, whisper, graphite, django' || die "Debian's python cannot import carbon and graphite-web"
}

# syslog-ng and rsyslog conflict as Debian packages, so syslog-ng, its libraries and rsyslog's TLS driver are unpacked, not
# installed.
install_syslog_ng() {
  local -a packages=(syslog-ng-core libivykis0 libnet1 libpcre3 libwrap0 rsyslog-openssl)
  local home
  home=$cache/syslog-ng-$(printf '%s\n' "${packages[@]}" 1 | key)
  if [ ! -e "$home/.complete" ]; then
    local tmp=$cache/.syslog-ng.$$
    rm -rf "$tmp" "$home"
    mkdir -p "$tmp/root"
    say "apt-get download ${packages[*]}"
    (cd "$tmp" && apt-get -q -o Acquire::Retries=3 -o APT::Sandbox::User=root download "${packages[@]}" >&2) ||
      die "apt-get download ${packages[*]}; is apt-get update needed?"
    local deb
    for deb in "$tmp"/*.deb; do dpkg-deb -x "$deb" "$tmp/root"; done
    [ -x "$tmp/root/usr/sbin/syslog-ng" ] || die "the packages left no syslog-ng"
    mv "$tmp/root" "$home"
    rm -rf "$tmp"
    touch "$home/.complete"
  fi
  ln -sfn "$home" "$cache/syslog-ng"
}

install_statsd() {
  local home
  home=$cache/statsd-$(cat "$here"/statsd/* | key)
  if [ ! -e "$home/.complete" ]; then
    say "npm ci statsd"
    rm -rf "$home"
    mkdir -p "$home"
    cp "$here"/statsd/* "$home/"
    (cd "$home" && npm ci --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error >&2) || die "npm ci in $home"
    [ -f "$home/node_modules/statsd/stats.js" ] || die "npm left no statsd in $home"
    touch "$home/.complete"
  fi
  ln -sfn "$home" "$cache/statsd"
}

# The distribution that Maven has is Elastic's own server with four modules. The launcher starts it inside one JVM, and the
# shim plugin answers the few REST calls whose modules are not in it: see elasticsearch/README.md.
install_elasticsearch() {
  local java home
  java=$(java -version 2>&1 | tr -dc '0-9A-Za-z._+-')
  home=$cache/elasticsearch-$({ cat "$here"/elasticsearch/{*.java,start.sh} "$here/install.sh"; echo "$elasticsearch_version $java"; } | key)
  if [ ! -e "$home/.complete" ]; then
    local tmp=$cache/.elasticsearch.$$
    rm -rf "$tmp" "$home"
    mkdir -p "$tmp"/{zip,classes,home/modules,home/plugins/shim}
    say "mvn dependency:copy elasticsearch $elasticsearch_version (107 MB)"
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -DoutputDirectory="$tmp" \
      -Dartifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:$elasticsearch_version:zip >"$tmp/mvn.log" 2>&1 ||
      { tail -20 "$tmp/mvn.log" >&2; die "mvn dependency:copy of elasticsearch $elasticsearch_version"; }
    echo "$elasticsearch_sha256  $tmp/elasticsearch-$elasticsearch_version.zip" | sha256sum -c --quiet >&2 ||
      die "elasticsearch-$elasticsearch_version.zip is not the file that this project was tested with"
    (cd "$tmp/zip" && jar xf "$tmp"/elasticsearch-$elasticsearch_version.zip)
    local dist=$tmp/zip/elasticsearch-$elasticsearch_version
    mv "$dist/lib" "$dist/LICENSE.txt" "$dist/NOTICE.txt" "$tmp/home/"
    rm -rf "$tmp/home/lib/tools" "$tmp/home/lib/cli-launcher"
    mv "$dist/modules/transport-netty4" "$dist/modules/x-pack-core" "$tmp/home/modules/"
    javac --release 17 -proc:none -nowarn -Xlint:none -d "$tmp/classes" -cp "$tmp/home/lib/*:$tmp/home/modules/x-pack-core/*" \
      "$here"/elasticsearch/*.java >"$tmp/javac.log" 2>&1 || { cat "$tmp/javac.log" >&2; die "javac of elasticsearch's launcher"; }
    (cd "$tmp/classes" && jar cf "$tmp/home/launcher.jar" gatemeter/Launcher*.class &&
      jar cf "$tmp/home/plugins/shim/shim.jar" gatemeter/Shim*.class)
    printf '%s\n' 'description=REST calls that the Maven distribution lacks' version=1 name=shim java.version=17 \
      "elasticsearch.version=$elasticsearch_version" classname=gatemeter.Shim extended.plugins=x-pack-core \
      >"$tmp/home/plugins/shim/plugin-descriptor.properties"
    cp "$here/elasticsearch/start.sh" "$tmp/home/"
    mv "$tmp/home" "$home"
    archive_classes "$home" "$tmp/node"
    rm -rf "$tmp"
    touch "$home/.complete"
  fi
  ln -sfn "$home" "$cache/elasticsearch"
}

# One start that writes down the classes it loaded makes all later starts two to three times faster. A JVM that cannot use
# the archive goes on without it, so a failure here only costs time.
archive_classes() {
  local home=$1 dir=$2 port pid url n
  say "elasticsearch: class-data archive"
  port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  url=http://127.0.0.1:$port
  ES_JAVA_OPTS="-XX:ArchiveClassesAtExit=$home/classes.jsa.new -Xlog:cds=off -Xlog:cds*=off" \
    "$home/start.sh" "$dir" "$port" >"$dir.log" 2>&1 9>&- &
  pid=$!
  for ((n = 0; n < 900; n++)); do # 180 s and more
    kill -0 $pid 2>/dev/null || break
    if curl -sf -m 5 "$url/_cluster/health?wait_for_status=yellow&timeout=2s" >/dev/null; then break; fi
    sleep 0.2
  done
  # What every test does, so that its classes are in the archive too.
  printf '{"create":{"_id":"1"}}\n{"a":1,"b":"c"}\n' |
    curl -s -m 60 -H 'Content-Type: application/x-ndjson' "$url/warm/_bulk?refresh=true" --data-binary @- >/dev/null || true
  curl -s -m 60 "$url/warm/_search?q=a:1&sort=a" >/dev/null || true
  kill $pid 2>/dev/null || true
  for ((n = 0; n < 900; n++)); do
    kill -0 $pid 2>/dev/null || break
    sleep 0.2
  done
  kill -9 $pid 2>/dev/null || true
  wait $pid 2>/dev/null || true
  if [ -s "$home/classes.jsa.new" ]; then
    mv "$home/classes.jsa.new" "$home/classes.jsa"
  else
    tail -5 "$dir.log" >&2
    say "no class-data archive: Elasticsearch will start more slowly"
  fi
}

# The broker's jars, as Maven resolves them.
install_kafka() {
  local home
  home=$cache/kafka-$(cat "$here"/kafka/* | key)
  if [ ! -e "$home/.complete" ]; then
    say "mvn dependency:copy-dependencies kafka (43 MB)"
    rm -rf "$home"
    mkdir -p "$home/lib"
    cp "$here"/kafka/* "$home/"
    mvn -q -B -f "$home/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DincludeScope=runtime \
      -DoutputDirectory="$home/lib" >"$home/mvn.log" 2>&1 || { tail -20 "$home/mvn.log" >&2; die "mvn dependency:copy-dependencies of kafka"; }
    touch "$home/.complete"
  fi
  ln -sfn "$home" "$cache/kafka"
}

mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9 # another run may be at it
install_packages
check_graphite
install_syslog_ng
install_statsd
install_elasticsearch
install_kafka
say "ready in $cache"
