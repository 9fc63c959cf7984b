"""Records: what a run says while it lives, one checksummed line each.

    <16 hex digits: the first 64 bits of the BLAKE3 of what follows> <JSON>\n
    {"k": kind, "t": seconds since 1970, "n": next step, "s": step of a row of history, "d": data}

A line is appended whole or torn by a power cut; a torn one does not match its checksum and is passed over. Every record
carries the step that the next row without a step of its own will get, so the last line tells it to whoever appends.

    kind      data
    start     what was recorded by itself when a process took the run up: argv, host, git, packages, …
    config    keys set; "unset": keys taken away are in `null_keys`
    summary   the same for the summary
    history   a row, or a part of one: rows of the same step are one row, later values win
    define    {"metric", "step_metric"?, "summary"?}: how a metric is to be charted and summed up
    system    samples of the machine: keys and numbers
    console   {"stream": "stdout" | "stderr", "text"}
    file      {"path", "size"}: a file of the run, kept beside the records until they are sealed
    alive     nothing: the process lives
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from blake3 import blake3

KINDS = ("start", "config", "summary", "history", "define", "system", "console", "file", "alive")

LIMIT = 512 * 1024
"""Bytes of the longest line."""

MOST_STEPS = 2**53
"""Steps are below it: what every database and every program that reads JSON can count."""

_CHECKSUM = 8
_BEGIN = b'{"k":"'
_KINDS = {_BEGIN + kind.encode() + b'"': kind for kind in KINDS}


class Record(NamedTuple):
    """One thing a run said."""

    kind: str
    time: float
    """Seconds since 1970, by the clock of the machine that said it."""
    data: Mapping[str, Any]
    step: int | None = None
    """Of a row of history."""
    next: int = 0
    """The step of the next row that names none."""


def encode(record: Record) -> bytes:
    """The record's line. Numbers that JSON lacks are kept as the texts "NaN", "Infinity", "-Infinity" in a `{"_n": …}`.

    Raises ValueError for a line over `LIMIT`, a step that is none and data without an end, TypeError for what JSON
    cannot hold.
    """
    if not (_is_step(record.next) and (record.step is None or _is_step(record.step))):
        raise ValueError(f"no step of a run: {record.step}, {record.next}")
    body: dict[str, Any] = {"k": record.kind, "t": round(record.time, 3), "n": record.next}
    if record.step is not None:
        body["s"] = record.step
    body["d"] = record.data
    try:
        try:
            text = _dumps(body)
        except ValueError:
            body["d"] = _finite(record.data)
            text = _dumps(body)
    except RecursionError as error:
        raise ValueError("a record that holds itself, or is nested too deep") from error
    line = text.encode("utf-8", "surrogatepass")
    if len(line) > LIMIT:
        raise ValueError(f"a record of {len(line)} bytes is over {LIMIT}")
    return _checksum(line) + b" " + line + b"\n"


def decode(line: bytes) -> Record | None:
    """The record of a line with or without its newline; None if it is torn or damaged."""
    body = line.rstrip(b"\n")[2 * _CHECKSUM + 1 :]
    if len(body) > LIMIT or line[: 2 * _CHECKSUM] != _checksum(body):
        return None
    try:
        text = body.decode("utf-8", "surrogatepass")
        found = _DECODER.decode(text) if '{"_n":' in text else _PLAIN_DECODER.decode(text)
        record = Record(found["k"], float(found["t"]), found["d"], found.get("s"), found["n"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    # whoever made the line: a checksum is no proof of sense
    sane = isinstance(record.data, dict) and isinstance(record.kind, str) and math.isfinite(record.time)
    steps = _is_step(record.next) and (record.step is None or _is_step(record.step))
    return record if sane and steps else None


def kind(line: bytes) -> str | None:
    """The kind of a line of `encode`, which begins with it, in a third of the time of `decode`; None as there.

    The rest is not read: whoever reads it passes over what makes no sense.
    """
    body = line.rstrip(b"\n")[2 * _CHECKSUM + 1 :]
    if len(body) > LIMIT or line[: 2 * _CHECKSUM] != _checksum(body):
        return None
    if found := _KINDS.get(body[: body.find(b'"', len(_BEGIN)) + 1]):
        return found
    record = decode(line)
    return record.kind if record else None


def decode_all(data: bytes) -> Iterator[Record]:
    """The records of many lines; what is torn or damaged is passed over."""
    for line in data.split(b"\n"):
        if line and (record := decode(line)) is not None:
            yield record


def decode_sealed(data: bytes) -> Iterator[Record]:
    """The records of a chunk of a sealed segment, in the fifth of the time: each line was checked when it was sealed.

    What is no record after all is passed over.
    """
    bodies = [line[2 * _CHECKSUM + 1 :] for line in data.split(b"\n") if line]
    try:
        rows = json.loads(b"[" + b",".join(bodies) + b"]", object_hook=_numbers if b'{"_n":' in data else None)
        found = [Record(row["k"], row["t"], row["d"], row.get("s"), row["n"]) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        found = list(decode_all(data))
    for record in found:
        steps = _is_step(record.next) and (record.step is None or _is_step(record.step))
        timed = isinstance(record.time, float | int) and abs(record.time) < math.inf
        if steps and timed and isinstance(record.kind, str) and isinstance(record.data, dict):
            yield record


def to_json(value: Any) -> str:
    """JSON in ASCII of a value that records may hold, also of numbers that JSON lacks and of texts that UTF-8 lacks."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), separators=(",", ":"), allow_nan=False)


def from_json(text: str) -> Any:
    """What `to_json` was given."""
    return json.loads(text, object_hook=_numbers if '{"_n":' in text else None)


def split(lines: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The lines joined to pieces of at most `most` bytes, each a piece of whole lines."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if piece and size + len(line) > most:
            yield b"".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield b"".join(piece)


def whole_lines(data: bytes) -> bytes:
    """What of `data` is whole lines: its end may be in the middle of being written."""
    return data[: data.rfind(b"\n") + 1]


def _is_step(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_STEPS


def _dumps(body: Any) -> str:
    return _ENCODER.encode(body)


def _checksum(body: bytes) -> bytes:
    return blake3(body).hexdigest(length=_CHECKSUM).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"_n": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _numbers(found: dict[str, Any]) -> Any:
    if len(found) == 1 and found.get("_n") in ("NaN", "Infinity", "-Infinity"):
        return float(found["_n"])
    return found


# json.dumps and json.loads make one of these in each call, which takes longer than a row
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(object_hook=_numbers)
_PLAIN_DECODER = json.JSONDecoder()
