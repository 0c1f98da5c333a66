#!/usr/bin/env python3
"""oracle.py JOB: what gatemeter must make of some logs, counted by a road of its own: slow, plain, and sharing no code with it.

JOB is a JSON file:

    {"window": 10, "lateness": 5, "amend": 60,          seconds
     "percentiles": [50, 99.9],
     "rollups": {"route": ["service", "route", "method"], "all": []},
     "routes": ["/orders/{id}"],                        configured patterns
     "partitions": [{
        "reader": "nginx_text", "format": "$remote_addr …",   a key of lines.READERS and its argument
        "source": "edge", "service": "",                the source's name and its service: key
        "shard": "web1", "path": "/var/log/access.log", the label of its windows; the path of the live file
        "files": ["access.log.1", "access.log"]}],      its rotations, oldest first; .gz too
     "metrics": "metrics.jsonl", "documents": "documents.jsonl"}    what to write

metrics.jsonl has a line for each series and window: {"series": "service.orders", "window": 1767225600, "values": {"requests.count":
3, "latency.p99": 0.25, …}}; documents.jsonl one for each record: {"id": …, "status": …, "path": …, "bytes": …, "duration": …}, or
{"id": …, "malformed": true}. Standard output gets one line of totals.

All sums are of integers. A percentile is the nearest rank: of n values the ⌈p/100·n⌉th smallest, exactly.
"""

import collections
import fractions
import functools
import gzip
import hashlib
import json
import math
import re
import sys

import lines
import routes

METHODS = set(
    "GET POST PUT DELETE HEAD OPTIONS PATCH ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY LABEL LINK LOCK MERGE "
    "MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE ORDERPATCH PRI PROPFIND PROPPATCH QUERY REBIND REPORT SEARCH "
    "TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL".split())


class Series:
    """The records of one series in one window."""

    def __init__(self):
        self.requests = 0
        self.classes = collections.Counter()
        self.throttled = 0
        self.latencies = {"latency": [], "upstream_latency": [], "gateway_latency": []}
        self.bytes = {}  # metric: sum
        self.clients, self.consumers = set(), set()
        self.cache = collections.Counter()

    def add(self, r):
        self.requests += 1
        if r["status"] is not None and 100 <= r["status"] <= 599:
            self.classes[f"{r['status'] // 100}xx"] += 1
        self.throttled += r["status"] == 429
        for metric, field in (("latency", "duration"), ("upstream_latency", "upstream"), ("gateway_latency", "gateway")):
            if r[field] is not None:
                self.latencies[metric].append(r[field])
        for field in ("request_bytes", "response_bytes"):
            if r[field] is not None:
                self.bytes[field] = self.bytes.get(field, 0) + r[field]
        if r["client"]:
            self.clients.add(r["client"])
        if r["consumer"]:
            self.consumers.add(r["consumer"])
        if r["cache"]:
            verdict = r["cache"].lower()
            self.cache[verdict if verdict in ("hit", "miss") else "other"] += 1

    def values(self, percentiles):
        v = {"requests.count": self.requests}
        for c in ("2xx", "3xx", "4xx", "5xx"):
            v["requests." + c] = self.classes[c]
        if self.classes["1xx"]:
            v["requests.1xx"] = self.classes["1xx"]
        if self.throttled:
            v["throttled.count"] = self.throttled
        for metric, all_ns in self.latencies.items():
            if not all_ns:
                continue
            all_ns.sort()
            n = len(all_ns)
            v[metric + ".count"] = n
            v[metric + ".mean"] = float(fractions.Fraction(sum(all_ns), n * 10**9))
            v[metric + ".min"] = all_ns[0] / 1e9
            v[metric + ".max"] = all_ns[-1] / 1e9
            for p in percentiles:
                rank = math.ceil(fractions.Fraction(str(p)) * n / 100)
                v[f"{metric}.{percentile_name(p)}"] = all_ns[max(rank, 1) - 1] / 1e9
        for metric, total in self.bytes.items():
            v[metric + ".sum"] = total
        if self.clients:
            v["clients.distinct"] = len(self.clients)
        if self.consumers:
            v["consumers.distinct"] = len(self.consumers)
        if self.cache:
            for verdict in ("hit", "miss", "other"):
                v["cache." + verdict] = self.cache[verdict]
        return v


def percentile_name(p):
    """p99, p999 for 99.9."""
    return "p" + f"{p:g}".replace(".", "")


@functools.cache
def clean(value):
    """A value as a node of a Graphite path: of its UTF-8 bytes, at most 200."""
    raw = value.encode("utf-8", "surrogateescape")[:200]
    return re.sub(rb"[^A-Za-z0-9_-]", b"_", raw).decode() or "_"


def dimension(name, r, partition, templates):
    if name == "service":
        return r["service"] or partition.get("service") or partition["source"]
    if name == "route":
        return r["route"] or route_of(path_of(r["target"]), templates)
    if name == "method":
        return r["method"] if r["method"] in METHODS else "_other" if r["method"] else "_none"
    raise ValueError(name)


@functools.cache
def route_of(path, templates):
    return routes.template(path, templates)


def path_of(target):
    """The path of a request's target, without the query; of a whole URL, what is behind the host. None when there is none."""
    if target is None:
        return None
    whole_url = re.match(r"[^/]{1,13}://[^/]*", target)
    if whole_url:
        target = target[whole_url.end():]
    return target.split("?", 1)[0] or "/"


def identity_of(partition):
    """What the ids of the partition's records begin with: of its place and of its first line, so that another log under the
    same name has another."""
    first = next(iter(read_lines(partition["files"])), (0, b""))[1][:1024]
    place = [partition["shard"], partition["source"], partition["path"]]
    return hashlib.sha256(b"\0".join([p.encode() for p in place] + [first])).digest()[:12].hex()


def read_lines(files):
    """Yields (offset, line) of a log that was rotated: offsets go on from file to file."""
    offset = 0
    for name in files:
        with gzip.open(name) if name.endswith(".gz") else open(name, "rb") as f:
            for line in f:
                yield offset, line.rstrip(b"\n").removesuffix(b"\r")
                offset += len(line)


def document(identity, r):
    path = path_of(r["target"])
    if path is not None:  # what is no UTF-8 has no place in JSON
        path = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return {"id": identity, "status": r["status"], "path": path, "bytes": r["response_bytes"], "duration": r["duration"]}


def main(job_file):
    with open(job_file, encoding="utf-8") as f:
        job = json.load(f)
    width, lateness, amend = job["window"], job["lateness"] * 10**9, job["amend"] * 10**9
    templates = tuple(job.get("routes", []))
    windows = collections.defaultdict(Series)  # (series, start)
    totals = collections.Counter()
    with open(job["documents"], "w", encoding="utf-8") as documents:
        for p in job["partitions"]:
            read = lines.READERS[p["reader"]](p.get("format"))
            prefix = identity_of(p)
            watermark = -math.inf  # highest time so far less lateness
            for offset, line in read_lines(p["files"]):
                totals["read"] += 1
                if not line.strip():
                    totals["blank"] += 1
                    continue
                identity = f"{prefix}-{offset:012x}"
                try:
                    r = read(line)
                except lines.Malformed:
                    totals["malformed"] += 1
                    documents.write(json.dumps({"id": identity, "malformed": True}) + "\n")
                    continue
                documents.write(json.dumps(document(identity, r)) + "\n")
                start = r["time"] // 10**9 // width * width
                if (start + width) * 10**9 + amend <= watermark:
                    totals["late"] += 1
                else:
                    totals["counted"] += 1
                    for name, dimensions in job["rollups"].items():
                        nodes = [name] + [clean(dimension(d, r, p, templates)) for d in dimensions]
                        windows[".".join(nodes), start].add(r)
                watermark = max(watermark, r["time"] - lateness)
    with open(job["metrics"], "w", encoding="utf-8") as metrics:
        for (series, start), s in sorted(windows.items()):
            metrics.write(json.dumps({"series": series, "window": start, "values": s.values(job["percentiles"])}) + "\n")
    print(json.dumps(totals))


if __name__ == "__main__":
    main(sys.argv[1])
