"""Reads access log lines, one format a function. Each returns a dict of what the oracle compares, or raises Malformed.

The keys: time (ns since 1970), method, target, status, request_bytes, response_bytes, duration, upstream, gateway (ns), client,
service, route. What a line does not carry is None.
"""

import datetime
import decimal
import json
import re

EMPTY = dict.fromkeys(
    ("time", "method", "target", "status", "request_bytes", "response_bytes", "duration", "upstream", "gateway", "client",
     "service", "route", "consumer", "cache"))


class Malformed(Exception):
    """The line is no record of its format."""


def nanoseconds(text, unit):
    """The exact number of nanoseconds in a decimal number of units; unit is in nanoseconds."""
    try:
        value = decimal.Decimal(text) * unit
    except decimal.InvalidOperation as e:
        raise Malformed(f"number {text!r}") from e
    if value != int(value):
        raise Malformed(f"more digits than nanoseconds: {text!r}")
    return int(value)


def integer(text):
    if not re.fullmatch(r"[0-9]+", text):
        raise Malformed(f"integer {text!r}")
    return int(text)


def moment(text, layout):
    try:
        return int(datetime.datetime.strptime(text, layout).timestamp()) * 10**9
    except ValueError as e:
        raise Malformed(f"time {text!r}") from e


# nginx: variables to fields.

MOMENTS = {}  # strptime is slow and a log has few different times


def nginx_time(name, text):
    key = (name, text)
    if key not in MOMENTS:
        if name == "msec":
            MOMENTS[key] = nanoseconds(text, 10**9)
        elif name == "time_local":
            MOMENTS[key] = moment(text, "%d/%b/%Y:%H:%M:%S %z")
        else:
            MOMENTS[key] = moment(text, "%Y-%m-%dT%H:%M:%S%z")
    return MOMENTS[key]


def tries(text):
    """The values of an upstream variable: one for each server tried."""
    return [v for v in re.split(r" : |, ", text) if v not in ("", "-")]


def nginx_record(variables):
    """Turns nginx's variables, unescaped, into a record."""
    r = dict(EMPTY)

    def given(name):
        value = variables.get(name, "")
        return None if value in ("", "-") else value

    for name in ("msec", "time_iso8601", "time_local"):
        if name in variables:
            r["time"] = nginx_time(name, variables[name])
            break
    if r["time"] is None:
        raise Malformed("no time")
    r["client"] = given("remote_addr")
    if given("status"):
        r["status"] = integer(given("status"))
    if given("request"):
        m = re.fullmatch(r"([^ ]*) (.*?)(?: (HTTP/[^ ]*))?", given("request"), re.DOTALL)
        if m:
            r["method"], r["target"] = m[1] or None, m[2] or None
        else:
            r["target"] = given("request")  # no space: not even a method
    r["method"] = given("request_method") or r["method"]
    r["target"] = given("request_uri") or r["target"]
    for field, names in (("request_bytes", ("request_length",)), ("response_bytes", ("bytes_sent", "body_bytes_sent"))):
        for name in names:
            if r[field] is None and given(name):
                r[field] = integer(given(name))
    if given("request_time"):
        r["duration"] = nanoseconds(given("request_time"), 10**9)
    times = tries(variables.get("upstream_response_time", ""))
    if times:
        r["upstream"] = sum(nanoseconds(t, 10**9) for t in times)
    if r["duration"] is not None and r["upstream"] is not None:
        r["gateway"] = max(0, r["duration"] - r["upstream"])
    r["service"] = given("server_name")
    r["cache"] = given("upstream_cache_status")
    return r


def nginx_text(log_format):
    """A reader for an nginx log_format string written with escape=default."""
    parts = re.split(r"\$\{?([a-z0-9_]+)\}?", log_format)
    literals, names = parts[0::2], parts[1::2]
    pattern = re.escape(literals[0])
    for literal in literals[1:]:
        # A value ends at the first byte of what stands behind it.
        pattern += ("([^%s]*)" % re.escape(literal[0]) if literal else "(.*)") + re.escape(literal)
    pattern = re.compile(pattern.encode(), re.DOTALL)

    def unescape(value):
        if b"\\x" in value:
            value = re.sub(rb"\\x([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), value)
        return value.decode("utf-8", "surrogateescape")

    def read(line):
        m = pattern.fullmatch(line)
        if not m:
            raise Malformed("not of the format")
        return nginx_record({n: unescape(v) for n, v in zip(names, m.groups())})

    return read


def nginx_json(log_format):
    """A reader for an nginx log_format string that writes one flat JSON object, with escape=json."""
    keys = dict(re.findall(r'"([^"]+)":"?\$\{?([a-z0-9_]+)\}?"?', log_format))

    def read(line):
        # A value that is not there is empty, which without quotes is not JSON.
        text = re.sub(r'":(?=[,}])', '":""', line.decode("utf-8", "surrogateescape"))
        try:
            fields = json.loads(text, parse_float=str, parse_int=str)
        except ValueError as e:
            raise Malformed("not JSON") from e
        if not isinstance(fields, dict):
            raise Malformed("no object")
        return nginx_record({v: fields[k] for k, v in keys.items() if k in fields})

    return read


# Kong.


def kong(_):
    """A reader for Kong's JSON as its file-log plugin writes it."""

    def read(line):
        try:
            j = json.loads(line.decode("utf-8", "surrogateescape"), parse_float=decimal.Decimal)
        except ValueError as e:
            raise Malformed("not JSON") from e
        if not isinstance(j, dict) or "started_at" not in j:
            raise Malformed("no started_at")
        r = dict(EMPTY)
        request, response, latencies = j.get("request", {}), j.get("response", {}), j.get("latencies", {})
        r["time"] = nanoseconds(j["started_at"], 10**6)
        r["client"] = j.get("client_ip")
        r["method"], r["target"] = request.get("method"), request.get("uri")
        r["status"] = response.get("status")
        if "size" in request:
            r["request_bytes"] = int(request["size"])
        if "size" in response:
            r["response_bytes"] = int(response["size"])
        for field, name in (("duration", "request"), ("upstream", "proxy"), ("gateway", "kong")):
            if latencies.get(name, -1) >= 0:
                r[field] = nanoseconds(latencies[name], 10**6)
        service, route, consumer = j.get("service") or {}, j.get("route") or {}, j.get("consumer") or {}
        r["service"] = service.get("name") or service.get("host")
        r["route"] = route.get("name") or route.get("id")
        r["consumer"] = consumer.get("username") or consumer.get("custom_id") or consumer.get("id")
        return r

    return read


READERS = {"nginx_text": nginx_text, "nginx_json": nginx_json, "kong": kong}
