"""What is new in the spools of this machine, for whoever has read a part of them already."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from artcli.catalog.repository import Repository
from artcli.catalog.runs.journal import spool_root
from artcli.catalog.runs.records import whole_lines
from artcli.catalog.runs.spool import Spool, spools

Key = tuple[str, str, int]
"""Run, writer and number of a part."""


class Heard(NamedTuple):
    """Whole lines of a part of a spool from some place on; none where nothing is new."""

    key: Key
    place: str
    offset: int
    """Bytes that were read before."""
    lines: bytes


def place(resumes: int, since: str, writer: str, n: int) -> str:
    """Where a part stands among those of its run: by this text."""
    return f"{resumes:010d} {since} {writer} {n:010d}"


def hear(repository: Repository, runs: Collection[str] | None, offsets: Mapping[Key, int]) -> list[Heard]:
    """What the spools (of these runs) hold beyond the offsets up to which they were read.

    Read this before the log: a part whose segment the log has by then is to be left out.
    """
    root = spool_root(repository)
    found: list[Heard] = []
    for spool in spools(root) if runs is None else [Spool(root / run) for run in runs]:
        try:
            found.extend(_parts(spool, offsets))
        except FileNotFoundError:
            continue  # there is none, or it was sealed and cleared away
    return found


def _parts(spool: Spool, offsets: Mapping[Key, int]) -> Iterator[Heard]:
    head, parts = spool.unsealed()
    for number, path in parts:
        key = (head.run, head.writer, number)
        offset, lines = _new_lines(path, offsets.get(key, 0))
        if lines or offset:
            yield Heard(key, place(head.resumes, head.since, head.writer, number), offset, lines)


def _new_lines(path: Path, offset: int) -> tuple[int, bytes]:
    """Where reading began, and the whole lines from there on."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < offset:
                offset = 0  # another file than the one that was read
            file.seek(offset)
            return offset, whole_lines(file.read())
    except FileNotFoundError:
        return 0, b""  # sealed this moment: the log has it
