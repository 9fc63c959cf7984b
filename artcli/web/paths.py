"""What stands in the path and the query of a request for files: decoded once, judged, never joined to a folder."""

from __future__ import annotations

import os
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from artcli.catalog import manifest, spec
from artcli.web.answers import Refused

_ESCAPED = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})*", re.ASCII)
MOST = 16
"""Values of one name in a query."""


class Named(NamedTuple):
    """`<project>/<name>[:<version>][/<path>]`."""

    project: str
    name: str
    ref: str
    """`<project>/<name>:<version>`."""
    path: bytes
    """In the version; empty for the whole."""


def named(rest: str) -> Named:
    """The parts of a path, raising `Refused` (400) for what can be none."""
    words = [decoded(word) for word in rest.split("/")]
    if len(words) < 2:
        raise Refused(400, "bad-path", "a path of a file is /files/<project>/<name>:<version>/<path>")
    path = b"/".join(words[2:])
    if path.endswith(b"/") or words[2:] == [b""]:
        path = path[:-1]
    check_path(path, or_empty=True)
    try:
        ref = "/".join(word.decode() for word in words[:2])
        found = spec.parse(ref)
    except UnicodeDecodeError:
        raise Refused(400, "bad-path", "the names of projects and artifacts are ASCII") from None
    return Named(found.project or "", found.name, ref, path)


def decoded(text: str) -> bytes:
    """A part of a path, without its percent signs, which are resolved once."""
    if not _ESCAPED.fullmatch(text):
        raise Refused(400, "bad-path", "the path of a request has letters that no path of a URL has")
    return unquote_to_bytes(text)


def check_path(path: bytes, *, or_empty: bool = False) -> None:
    """Raise `Refused` (400) unless a version may hold this path."""
    fault = manifest.path_fault(path) if path or not or_empty else None
    if fault:
        raise Refused(400, "unsafe-path", f"a version cannot hold a path that {fault}")


def shown(path: bytes) -> str:
    """A path as JSON has it; what is no UTF-8 as Python's surrogates."""
    return os.fsdecode(path)


def option(request: Request, name: str) -> str | None:
    """The value of a name in the query, refused (400) if there are several."""
    values = options(request, name)
    if len(values) > 1:
        raise Refused(400, "bad-query", f"'{name}' is given once")
    return values[0] if values else None


def check_options(request: Request, *known: str) -> None:
    """Raise `Refused` (400) if the query has a name that is none of these: what is misspelt would mean nothing."""
    for name in request.query_params:
        if name not in known:
            told = f"possible: {', '.join(known)}" if known else "nothing is said in the query here"
            raise Refused(400, "bad-query", f"'{name[:64]}' means nothing to this request; {told}")


def options(request: Request, name: str) -> list[str]:
    """All values of a name in the query."""
    values = request.query_params.getlist(name)
    if len(values) > MOST:
        raise Refused(400, "bad-query", f"'{name}' is given at most {MOST} times")
    return values
