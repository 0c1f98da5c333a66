"""The route of a path, for records whose gateway names none: the rules of docs/routes.md, in the plainest words."""

import re


def template(path, patterns):
    """The route of a path (a str, or None for a record without one)."""
    if path is None:
        return "_none"
    path = re.split(r"[?#]", path, maxsplit=1)[0]
    whole_url = re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*(/.*)?", path, re.DOTALL)
    if whole_url:
        path = whole_url[1] or "/"
    if path == "":
        path = "/"
    if not path.startswith("/"):
        return "_invalid"
    segments = path[1:].split("/")
    fitting = [p for p in patterns if fits(p[1:].split("/"), segments)]
    if fitting:
        return min(fitting, key=lambda p: [rank(s) for s in p[1:].split("/")])
    route = "".join("/" + segment_of(s) for s in segments[:12])
    if len(segments) > 12:
        route += "/{rest}"
    return cut(route, 200)


def fits(pattern, segments):
    """Whether the segments of a pattern fit those of a path."""
    for i, p in enumerate(pattern):
        if rank(p) == 2:
            return len(segments) > i
        if i >= len(segments) or (segments[i] == "" if rank(p) == 1 else segments[i] != p):
            return False
    return len(pattern) == len(segments)


def rank(segment):
    """0 for a literal, 1 for a variable, 2 for one that takes the rest: the lowest in the earlier segment wins."""
    if segment == "*" or re.fullmatch(r"\{.*\.\.\.\}", segment):
        return 2
    return 1 if re.fullmatch(r"\{.*\}", segment) else 0


def segment_of(s):
    if "@" in s:
        return "{id}"
    stem, extension = re.fullmatch(r"(.+?)(\.[A-Za-z][A-Za-z0-9]{0,4})?", s, re.DOTALL).groups() if s else ("", "")
    return "{id}" + (extension or "") if is_id(stem) else s


def is_id(s):
    return bool(
        re.fullmatch(r"[0-9]+", s)
        or re.search(r"[0-9]{5}", s)
        or re.fullmatch(r"(?=.*[0-9])[0-9a-fA-F]{8,}", s)
        or re.fullmatch(r"(?=.*[0-9])[A-Za-z0-9_-]{20,}", s)
        or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", s))


def cut(text, size):
    """The first bytes of a text."""
    return text.encode("utf-8", "surrogateescape")[:size].decode("utf-8", "surrogateescape")
