"""Words in what people and runs wrote: notes, metadata and config, console logs; by SQLite's full-text index.

    notes      names, descriptions, notes, tags, aliases and reasons of artifacts, versions and runs
    metadata   metadata of versions, config of runs
    logs       what runs wrote on their console, in pieces of some lines

The index lies in `.art/cache/search.db`. Notes and metadata are put in anew when the log has moved on; each sealed
segment's console once; what runs that are not over say, whenever somebody asks.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from artcli.catalog import texts
from artcli.catalog.derived import Derived
from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal, records
from artcli.catalog.runs.journal import Part
from artcli.catalog.runs.live import hear
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.view import RunView, views
from artcli.errors import UNREADABLE, UsageError

PLACES = ("notes", "metadata", "logs")
FORMAT = 2
LIVE = "live"
"""The part of what is put in anew each time."""
PIECE = 4096
"""Characters of a console that are one piece."""
_WORDS = 12
"""Words around a hit that are shown."""

_SCHEMA = """
CREATE VIRTUAL TABLE words USING fts5 (
    place UNINDEXED, ref UNINDEXED, about UNINDEXED, part UNINDEXED, said, tokenize = "unicode61 remove_diacritics 2");
CREATE TABLE indexed (part TEXT PRIMARY KEY);
CREATE TABLE followed (state TEXT NOT NULL);
INSERT INTO followed VALUES ('nothing');
"""

Row = tuple[str, str, str, str, str]
"""Place, reference, what it is about, part (of a log), text."""


class Hit(NamedTuple):
    """Where words were found."""

    place: str
    """One of `PLACES`."""
    ref: str
    """`name:vN`, `name`, or `run:ID`."""
    about: str
    """What of it: description, note, metadata, config, …; the run's name."""
    text: str
    """The words and some around them."""


def search(repository: Repository, text: str, places: Sequence[str] = PLACES, limit: int | None = None) -> list[Hit]:
    """Where all the words of `text`, or words that begin so, stand together; the best first.

    Raises `UsageError` (`no-such-place`, `nothing-to-search`).
    """
    for place in places:
        if place not in PLACES:
            raise UsageError("no-such-place", f"no place '{place}'", facts=[f"places: {', '.join(PLACES)}"],
                             hint="art search helmet --in notes,logs")  # fmt: skip
    wanted = " ".join(f'"{word}"*' for word in re.findall(r"\w+", text))
    if not wanted:
        raise UsageError("nothing-to-search", "there is no word to look for", hint="art search helmet")
    index = Derived(repository.path / "cache" / "search.db", f"search {FORMAT} {repository.place}", _SCHEMA)
    try:
        return index.asked(lambda: _ask(repository, index, wanted, places, limit))
    finally:
        index.close()


def _ask(repository: Repository, index: Derived, wanted: str, places: Sequence[str], limit: int | None) -> list[Hit]:
    repository.refresh()
    found = views(repository)
    with index.alone():
        _put_notes(repository, index.database, found)
        if "logs" in places:
            _put_logs(repository, index.database, found)
    live = {f"run:{view.run.id}" for view in found}
    rows = index.database.execute(
        f"SELECT place, ref, about, snippet(words, 4, '', '', '…', {_WORDS}) FROM words WHERE words MATCH ?"
        f" AND place IN ({', '.join('?' * len(places))}) ORDER BY rank, rowid",
        (wanted, *places),
    )
    hits = (Hit(*row) for row in rows if not row[1].startswith("run:") or row[1] in live)
    return [hit for _, hit in zip(range(limit), hits, strict=False)] if limit is not None else list(hits)


def _put_notes(repository: Repository, database: sqlite3.Connection, found: Sequence[RunView]) -> None:
    """Notes and metadata: all if the log has moved on, else those of runs that are not over, whose config changes."""
    state = repository.follower.state
    if database.execute("SELECT state FROM followed").fetchone() == (state,):
        database.execute("DELETE FROM words WHERE place != 'logs' AND part = ?", (LIVE,))
        _put(database, _of_runs(view for view in found if view.run.outcome is None))
        return
    database.execute("DELETE FROM words WHERE place != 'logs'")
    _put(database, _of_artifacts(repository))
    _put(database, _of_runs(found))
    database.execute("UPDATE followed SET state = ?", (state,))


def _put_logs(repository: Repository, database: sqlite3.Connection, found: Sequence[RunView]) -> None:
    names = {view.run.id: view.run.name for view in found}
    database.execute("DELETE FROM words WHERE place = 'logs' AND part = ?", (LIVE,))
    there = {row[0] for row in database.execute("SELECT part FROM indexed")}
    spooled = {item.key[0] for item in hear(repository, None, {})}
    segments = Register(repository.follower.database).segments()
    new = {item.run for item in segments if item.console and _name(item.run, item.writer, item.n) not in there}
    for run in sorted((new | spooled) & set(names)):
        for part in journal.parts(repository, run):
            name = _name(run, part.writer, part.n)
            if name in there:
                continue
            try:
                _put(database, _of_console(repository, part, names[run], name))
            except UNREADABLE:
                continue  # what is there is found all the same
            if part.segment is not None:
                database.execute("INSERT OR IGNORE INTO indexed VALUES (?)", (name,))


def _of_artifacts(repository: Repository) -> Iterator[Row]:
    catalog = repository.catalog
    for artifact in catalog.artifacts():
        for about in ("description", "note"):
            yield "notes", artifact.name, about, "", _read(repository, getattr(artifact, about))
        yield "notes", artifact.name, "name", "", f"{artifact.name} {artifact.type}"
    aliases, tags = catalog.labels()
    for version in catalog.versions():
        for about in ("description", "note"):
            yield "notes", version.ref, about, "", _read(repository, getattr(version, about))
        yield "notes", version.ref, "reason", "", version.reason or ""
        yield "notes", version.ref, "tags", "", " ".join(tags.get(version.id, ()))
        yield "notes", version.ref, "aliases", "", " ".join(sorted({*aliases.get(version.id, ())} - {"latest"}))
        yield "metadata", version.ref, "metadata", "", _words(version.metadata)


def _of_runs(found: Iterable[RunView]) -> Iterator[Row]:
    for view in found:
        run, ref = view.run, f"run:{view.run.id}"
        part = LIVE if run.outcome is None else ""
        yield "notes", ref, "name", part, " ".join(filter(None, (run.name, run.job_type, run.group)))
        yield "notes", ref, "notes", part, view.notes or ""
        yield "notes", ref, "tags", part, " ".join(view.tags)
        yield "metadata", ref, "config", part, _words(view.config)


def _of_console(repository: Repository, part: Part, name: str, key: str) -> Iterator[Row]:
    mark = key if part.segment is not None else LIVE
    piece, size = [], 0
    for record in journal.read(repository.store, part, console=True):
        piece.append(str(record.data.get("text", "")))
        size += len(piece[-1])
        if size >= PIECE:
            yield "logs", f"run:{part.run}", name, mark, "".join(piece)
            piece, size = [], 0
    yield "logs", f"run:{part.run}", name, mark, "".join(piece)


def _put(database: sqlite3.Connection, rows: Iterable[Row]) -> None:
    database.executemany(
        "INSERT INTO words VALUES (?, ?, ?, ?, ?)",
        ([item.encode("utf-8", "replace").decode() for item in row] for row in rows if row[4].strip()),
    )


def _name(run: str, writer: str, n: int) -> str:
    return f"{run} {writer} {n}"


def _read(repository: Repository, text: Any) -> str:
    try:
        return texts.read(repository.store, text) or ""
    except UNREADABLE:
        return ""  # all other words are found all the same; fsck tells of it


def _words(values: dict[str, Any]) -> str:
    return json.dumps(json.loads(records.to_json(values)), ensure_ascii=False) if values else ""
