"""Which runs there are: questions to the fold's tables, as `catalog.catalog` asks them about versions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from artcli.catalog.texts import Text
from artcli.content import Digest

LIVE = "live"


class Run(NamedTuple):
    """A run as the log knows it; what it said is in its journal."""

    id: str
    project: str
    name: str
    job_type: str | None
    group: str | None
    notes: Text | None
    state: str
    """`live`, `trash`, `purged`."""
    outcome: str | None
    """`finished`, `failed`, `killed`, `crashed`; None while it lives, or nobody has said how it ended."""
    exit: int | None
    fact: str
    seq: int
    """How many runs began before it."""
    time: str
    finished: str | None
    actor: str
    machine: str
    resumes: int
    deleted: str | None


class Segment(NamedTuple):
    """A sealed part of what a run said."""

    run: str
    writer: str
    n: int
    records: Sequence[bytes]
    """Digests of chunks of records."""
    console: Sequence[bytes]
    """Digests of chunks of console records."""
    page: bytes | None
    """Root page of the manifest of its files."""
    resumes: int
    """How often the run had been resumed when its writer took it up."""
    since: str
    """When that was, by the writer's clock."""
    time: str


class Input(NamedTuple):
    run: str
    version: str | None
    digest: str | None
    uri: str | None
    role: str | None
    time: str


class Output(NamedTuple):
    run: str
    version: str
    digest: str
    time: str


class RunText(NamedTuple):
    """A long text that was said of a run."""

    digest: Digest
    run: str
    project: str


class Sign(NamedTuple):
    """A sign of life."""

    n: int
    """The log entry that has it."""
    kind: str


_RUN = (
    'SELECT id, project, name, job_type, "group", notes, state, outcome, exit, fact, seq, time, finished, actor,'
    " machine, resumes, deleted FROM runs "
)
_SEGMENT = "SELECT run, writer, n, records, console, page, resumes, since, time FROM segments "


class Register:
    """Asks the tables of a fold about runs."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def runs(self, project: str | None = None, states: Sequence[str] = (LIVE,)) -> list[Run]:
        """Runs in these states (of one project), oldest first."""
        where = f"WHERE state IN ({', '.join('?' * len(states))})" + (" AND project = ?" if project else "")
        values = [*states, *([project] if project else [])]
        return [Run(*row) for row in self.database.execute(_RUN + where + " ORDER BY seq", values)]

    def run(self, id: str) -> Run | None:
        """The run of this id, in whatever state."""
        row = self.database.execute(_RUN + "WHERE id = ?", (id,)).fetchone()
        return Run(*row) if row else None

    def tags(self, run: str | None = None) -> dict[str, list[str]]:
        """Tags of the run, or of all, by run."""
        where = "WHERE run = ? " if run else ""
        found: dict[str, list[str]] = {}
        rows = self.database.execute(f"SELECT run, tag FROM run_tags {where}ORDER BY run, tag", (run,) if run else ())
        for of, tag in rows:
            found.setdefault(of, []).append(tag)
        return found

    def segments(self, run: str | None = None) -> Iterator[Segment]:
        """Sealed segments of a run in the order of its writers' beginnings, or of all runs.

        The order follows from what they say, not from the order in which logs were merged.
        """
        where = "WHERE run = ? " if run else ""
        order = "ORDER BY run, resumes, since, writer, n"
        for row in self.database.execute(_SEGMENT + where + order, (run,) if run else ()):
            yield _segment(row)

    def holding(self, states: Sequence[str]) -> Iterator[Segment]:
        """Segments of all runs in these states; of runs that nothing is known of but segments, too, if `live` is."""
        marks = ", ".join("?" * len(states))
        where = f"WHERE IFNULL((SELECT state FROM runs WHERE id = run), 'live') IN ({marks}) "
        for row in self.database.execute(_SEGMENT + where + "ORDER BY run", tuple(states)):
            yield _segment(row)

    def texts(self, states: Sequence[str]) -> Iterator[RunText]:
        """Long texts that were said of runs in these states, by run."""
        marks = ", ".join("?" * len(states))
        rows = self.database.execute(
            "SELECT t.digest, t.run, r.project FROM run_texts t JOIN runs r ON r.id = t.run"
            f" WHERE r.state IN ({marks}) ORDER BY t.run, t.digest",
            tuple(states),
        )
        return (RunText(*row) for row in rows)

    def has_text(self, run: str, text: Text | None) -> bool:
        """Whether the text, if it is a long one, must be there: gc has not taken it."""
        if not isinstance(text, bytes):
            return True
        row = self.database.execute("SELECT 1 FROM run_texts WHERE run = ? AND digest = ?", (run, text)).fetchone()
        return row is not None

    def last_sign(self, run: str) -> Sign | None:
        """The newest fact that the run itself, or who ended it, has made."""
        kinds = "('run', 'resume', 'finish', 'segment', 'input', 'output')"
        row = self.database.execute(
            f"SELECT n, kind FROM facts WHERE run = ? AND kind IN {kinds} ORDER BY seq DESC LIMIT 1", (run,)
        ).fetchone()
        return Sign(*row) if row else None

    def inputs(self, run: str) -> list[Input]:
        """What the run used, in order."""
        rows = self.database.execute(
            "SELECT run, version, digest, uri, role, time FROM inputs WHERE run = ? ORDER BY rowid", (run,)
        )
        return [Input(*row) for row in rows]

    def outputs(self, run: str) -> list[Output]:
        """The versions that the run logged, in order."""
        rows = self.database.execute(
            "SELECT run, version, digest, time FROM outputs WHERE run = ? ORDER BY rowid", (run,)
        )
        return [Output(*row) for row in rows]

    def producers(self, version: str) -> list[Run]:
        """Live runs that logged the version, the first one first: the others made the same content again."""
        rows = self.database.execute(
            _RUN + "WHERE state = ? AND id IN (SELECT run FROM outputs WHERE version = ?) ORDER BY seq", (LIVE, version)
        )
        return [Run(*row) for row in rows]

    def users(self, version: str) -> list[Run]:
        """Live runs that used the version, oldest first."""
        rows = self.database.execute(
            _RUN + "WHERE state = ? AND id IN (SELECT run FROM inputs WHERE version = ?) ORDER BY seq", (LIVE, version)
        )
        return [Run(*row) for row in rows]


def _segment(row: tuple[Any, ...]) -> Segment:
    run, writer, n, found, console, page, resumes, since, time = row
    return Segment(
        run, writer, n, [bytes.fromhex(text) for text in json.loads(found)],
        [bytes.fromhex(text) for text in json.loads(console)], bytes.fromhex(page) if page else None,
        resumes, since, time,
    )  # fmt: skip
