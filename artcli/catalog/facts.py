"""Facts: all change in a repository, each one line of JSON.

A fact says what happened, who did it, where and when. It is made once, named by its bytes (the first 128 bits of
their BLAKE3) and copied as opaque bytes ever after: between places, into later formats, by programs that do not know
its kind. What a repository is, is the fold (`catalog.fold`) of its facts in the order of its log. Kinds and their data
are listed in FORMAT.md; unknown kinds are carried along, and an unknown kind marked `required` stops a reader or a
writer.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from artcli.catalog import moments
from artcli.content import digest_of
from artcli.errors import IntegrityError, UsageError

FACT_SIZE = 256 * 1024
"""Bytes of the longest fact; longer texts are chunks that a fact names."""

PLAUSIBLE_SINCE = 1767225600
"""2026-01-01: a clock before this is a board without a battery, not the truth."""

BEGINNING = "1970-01-01T00:00:00.000Z"
"""What is read where a fact's time is none."""
_TIME = re.compile(
    r"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,9}))?Z", re.ASCII
)
_NAME_LENGTH = 200


class Draft(NamedTuple):
    """A fact before it is made: what changes, not yet who and when."""

    kind: str
    data: Mapping[str, Any]
    reason: str | None = None
    undoes: str | None = None


class Fact(NamedTuple):
    """A fact as it lies in the log."""

    id: str
    line: bytes
    kind: str
    data: Mapping[str, Any]
    actor: str
    machine: str
    time: str
    """RFC 3339, UTC, with milliseconds, by the clock of the machine that made it: information, never used for order."""
    reason: str | None
    undoes: str | None
    required: str | None


def fact_id(line: bytes) -> str:
    """32 hex digits: the first 128 bits of the line's BLAKE3."""
    return digest_of(line)[:16].hex()


def make(draft: Draft, actor: str, machine: str, now: float | None = None) -> Fact:
    """Stamp `draft` with a nonce, its maker and the time (`now`: seconds since 1970).

    Raises `UsageError`: `unfit-value` for what JSON cannot hold (NaN, bytes that are no UTF-8), `text-too-long`.
    """
    now = time.time() if now is None else now
    body: dict[str, Any] = {
        "kind": draft.kind,
        "nonce": os.urandom(16).hex(),
        "actor": actor,
        "machine": machine,
        "time": timestamp(now),
        "data": draft.data,
    }
    if now < PLAUSIBLE_SINCE:
        body["clock"] = "suspect"
    if draft.reason:
        body["reason"] = draft.reason
    if draft.undoes:
        body["undoes"] = draft.undoes
    try:
        line = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        message = f"a value that no log can keep: {error}"
        raise UsageError("unfit-value", message, hint="art help unfit-value") from error
    if len(line) > FACT_SIZE:
        raise UsageError(
            "text-too-long", f"one change of {len(line)} bytes is over {FACT_SIZE}", hint="art help text-too-long"
        )
    return parse(line)


def parse(line: bytes) -> Fact:
    """Read a fact from its line; raises `IntegrityError` (`damaged-fact`) if it is none."""
    try:
        if len(line) > FACT_SIZE:
            raise ValueError(f"longer than {FACT_SIZE} bytes")
        body = json.loads(line)
        data = body["data"]
        if not isinstance(data, dict):
            raise ValueError("data is no object")
        texts = {name: body[name] for name in ("kind", "actor", "machine", "time")}
        if not all(isinstance(text, str) for text in texts.values()) or not texts["kind"]:
            raise ValueError("a field is no text")
        more = {name: body.get(name) for name in ("reason", "undoes", "required")}
        if not all(text is None or isinstance(text, str) for text in more.values()):
            raise ValueError("a field is no text")
        for text in (texts["kind"], more["undoes"], more["required"]):
            (text or "").encode()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError("damaged-fact", f"a fact in the log cannot be read: {error}", hint="art fsck") from error
    texts["time"] = _canonical(texts["time"])
    texts["actor"], texts["machine"] = _clean(texts["actor"]), _clean(texts["machine"])
    return Fact(id=fact_id(line), line=line, data=data, **texts, **more)


def _canonical(time: str) -> str:
    """A time as `timestamp` writes it, so that times sort as texts; the beginning for what is none."""
    found = _TIME.fullmatch(time)
    if not found or time < "1970":
        return BEGINNING
    if time[8:10] > "28" and not _is_day(time[:10]):
        return BEGINNING
    return f"{found[1]}.{(found[2] or '')[:3]:0<3}Z"


@lru_cache(maxsize=64)
def _is_day(date: str) -> bool:
    """Whether the month has that day."""
    try:
        moments.seconds(date)
    except ValueError:
        return False
    return True


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def this_machine() -> str:
    """The name of this machine, as facts carry it."""
    return _clean(os.uname().nodename) or "unknown"


def this_actor() -> str:
    """Who acts: ART_USER, else git's identity, else login@host."""
    return _clean(os.environ.get("ART_USER") or _git_identity() or "") or f"{_clean(_login())}@{this_machine()}"


@lru_cache(maxsize=256)
def _clean(name: str) -> str:
    """One line of UTF-8, whatever the environment holds."""
    return " ".join(name.encode("utf-8", "replace").decode().split())[:_NAME_LENGTH]


def _git_identity() -> str | None:
    name, email = os.environ.get("GIT_AUTHOR_NAME"), os.environ.get("GIT_AUTHOR_EMAIL")
    if not (name or email):
        name, email = _git_config()
    if name and email:
        return f"{name} <{email}>"
    return name or email or None


def _git_config() -> tuple[str | None, str | None]:
    import subprocess

    try:
        done = subprocess.run(
            ["git", "config", "--get-regexp", r"^user\.(name|email)$"],
            capture_output=True, text=True, timeout=5, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None, None  # no git here: its identity is only the second choice
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    return found.get("user.name"), found.get("user.email")


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return f"uid{os.getuid()}"  # a container without a passwd entry
