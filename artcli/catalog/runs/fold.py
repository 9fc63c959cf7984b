"""What facts about runs do to the tables; the part of `catalog.fold` that knows runs.

    run       {run, project, name, job_type?, group?, tags?, notes?}: a run begins
    resume    {run}: it begins again
    finish    {run, outcome, exit?}: it ends, `finished`, `failed`, `killed` or `crashed`
    segment   {run, writer, n, resumes, since, records: [digest …], console?: [digest …], page?}: a part of what it
              said, and its files; the writer took the run up at `since`, when it had been resumed that often
    input     {run, version, digest} or {run, uri}, role?: it used a version, or something elsewhere
    output    {run, version, digest}: it logged a version

`edit`, `tag`, `untag`, `delete`, `restore` and `purge` with a `run` instead of a version do to it what they do there.

Segments, inputs and outputs are kept whether the run is known or not; what else was said of a run before it begins (its
facts came from two places) is done when it does. So what runs hold is the same in whatever order logs are merged.

Notes are texts as `catalog.texts` has them: of long ones the tables hold the names, and `run_texts` all that were ever
said of a run until it is purged.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from artcli.catalog import facts, spec, texts
from artcli.catalog.facts import Fact
from artcli.catalog.texts import Text

SCHEMA = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL, job_type TEXT, "group" TEXT, notes ANY,
    state TEXT NOT NULL, outcome TEXT, exit INTEGER, fact TEXT NOT NULL, seq INTEGER NOT NULL,
    time TEXT NOT NULL, finished TEXT, actor TEXT NOT NULL, machine TEXT NOT NULL, resumes INTEGER NOT NULL,
    deleted TEXT) STRICT;
CREATE INDEX runs_project ON runs (project, seq);
CREATE TABLE run_tags (run TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (run, tag)) STRICT;
CREATE TABLE run_texts (run TEXT NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (run, digest)) STRICT;
CREATE TABLE segments (
    run TEXT NOT NULL, writer TEXT NOT NULL, n INTEGER NOT NULL, records TEXT NOT NULL, console TEXT NOT NULL,
    page TEXT, resumes INTEGER NOT NULL, since TEXT NOT NULL, time TEXT NOT NULL,
    PRIMARY KEY (run, writer, n)) STRICT;
CREATE TABLE inputs (
    run TEXT NOT NULL, version TEXT, digest TEXT, uri TEXT, role TEXT, time TEXT NOT NULL,
    UNIQUE (run, version, uri, role)) STRICT;
CREATE INDEX inputs_version ON inputs (version);
CREATE TABLE outputs (
    run TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL, time TEXT NOT NULL,
    PRIMARY KEY (run, version)) STRICT;
CREATE INDEX outputs_version ON outputs (version);
"""

PURGED = "purged"
OUTCOMES = ("finished", "failed", "killed", "crashed")
FIELDS = ("name", "job_type", "group", "notes")
"""What `edit` may change of a run."""

TEXT_LIMIT = 64 * 1024
"""Characters of the longest text that stands in a fact, whoever wrote it."""


class RunFold:
    """Does one kind of fact a function."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.kinds: dict[str, Callable[[Fact], bool]] = {
            "run": self._begin,
            "resume": self._resume,
            "finish": self._finish,
            "segment": self._segment,
            "input": self._input,
            "output": self._output,
        }
        self.about_runs: dict[str, Callable[[Fact], bool]] = {
            "edit": self._edit,
            "tag": self._tag,
            "untag": self._untag,
            "delete": lambda fact: self._move(fact, "live", "trash", fact.time),
            "restore": lambda fact: self._move(fact, "trash", "live", None),
            "purge": self._purge,
        }
        """Kinds that versions have too, where the fact names a run."""

    def _begin(self, fact: Fact) -> bool:
        data = fact.data
        run = spec.check_run(data["run"])
        name = _text(data["name"]) or run
        job_type, group, notes = _text(data.get("job_type")), _text(data.get("group")), _notes(data.get("notes"))
        done = self._run(
            "INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, 'live', NULL, NULL, ?,"
            " (SELECT COUNT(*) FROM runs), ?, NULL, ?, ?, 0, NULL)",
            run, spec.check_project(data["project"]), name, job_type, group, notes, fact.id, fact.time, fact.actor,
            fact.machine,
        )  # fmt: skip
        if not done:
            return False
        self._need(run, notes)
        for tag in _list(data.get("tags") or []):
            self._run("INSERT OR IGNORE INTO run_tags VALUES (?, ?)", run, spec.check_tag(tag))
        self._catch_up(run)
        return True

    def _catch_up(self, run: str) -> None:
        """Do what was said of the run before it began."""
        rows = self.database.execute(
            "SELECT seq, line FROM facts WHERE run = ? AND NOT applied AND fault IS NULL ORDER BY seq", (run,)
        )
        for seq, line in rows.fetchall():
            fact = facts.parse(line)
            handler = self.about_runs.get(fact.kind) or self.kinds.get(fact.kind)
            if handler is not None and handler(fact):
                self._run("UPDATE facts SET applied = 1 WHERE seq = ?", seq)

    def _resume(self, fact: Fact) -> bool:
        return self._run(
            "UPDATE runs SET outcome = NULL, exit = NULL, finished = NULL, resumes = resumes + 1 WHERE id = ?",
            fact.data["run"],
        ) > 0  # fmt: skip

    def _finish(self, fact: Fact) -> bool:
        data = fact.data
        exit = data.get("exit")
        if data["outcome"] not in OUTCOMES or not isinstance(exit, int | None) or abs(exit or 0) >= 2**31:
            raise ValueError(f"no outcome: {data['outcome']!r}")
        return self._run(
            "UPDATE runs SET outcome = ?, exit = ?, finished = ? WHERE id = ?",
            data["outcome"], data.get("exit"), fact.time, data["run"],
        ) > 0  # fmt: skip

    def _segment(self, fact: Fact) -> bool:
        data = fact.data
        page, since = data.get("page"), _text(data.get("since")) or fact.time
        return self._run(
            "INSERT OR IGNORE INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            spec.check_run(data["run"]), spec.check_run(data["writer"]), _count(data["n"]), _digests(data["records"]),
            _digests(data.get("console", [])), spec.check_digest(page) if page else None,
            _count(data.get("resumes", 0)), since, fact.time,
        ) > 0  # fmt: skip

    def _input(self, fact: Fact) -> bool:
        data = fact.data
        version, digest, uri, role = (_text(data.get(key)) for key in ("version", "digest", "uri", "role"))
        if not (version and digest) and not uri:
            raise ValueError("an input is a version or a uri")
        # NULLs are all different to UNIQUE, so what is there already is asked for
        there = self._one(
            "SELECT 1 FROM inputs WHERE run = ? AND version IS ? AND uri IS ? AND role IS ?",
            data["run"], version, uri, role,
        )  # fmt: skip
        if there:
            return False
        values = (spec.check_run(data["run"]), version, digest, uri, role, fact.time)
        return self._run("INSERT INTO inputs VALUES (?, ?, ?, ?, ?, ?)", *values) > 0

    def _output(self, fact: Fact) -> bool:
        data = fact.data
        version = _text(data["version"])
        if version is None:
            raise ValueError("no version")
        values = (spec.check_run(data["run"]), version, spec.check_digest(data["digest"]), fact.time)
        return self._run("INSERT OR IGNORE INTO outputs VALUES (?, ?, ?, ?)", *values) > 0

    def _edit(self, fact: Fact) -> bool:
        run, field, value = fact.data["run"], fact.data["field"], fact.data.get("to")
        to = _notes(value) if field == "notes" else _text(value)
        if field not in FIELDS or (field == "name" and not to):
            return False
        done = self._run(f'UPDATE runs SET "{field}" = ? WHERE id = ? AND state != ?', to, run, PURGED) > 0
        if done:
            self._need(run, to)
        return done

    def _tag(self, fact: Fact) -> bool:
        run, tag = fact.data["run"], spec.check_tag(fact.data["tag"])
        known = self._one("SELECT 1 FROM runs WHERE id = ?", run)
        return bool(known) and self._run("INSERT OR IGNORE INTO run_tags VALUES (?, ?)", run, tag) > 0

    def _untag(self, fact: Fact) -> bool:
        return self._run("DELETE FROM run_tags WHERE run = ? AND tag = ?", fact.data["run"], fact.data["tag"]) > 0

    def _move(self, fact: Fact, before: str, after: str, deleted: str | None) -> bool:
        return self._run(
            "UPDATE runs SET state = ?, deleted = ? WHERE id = ? AND state = ?",
            after, deleted, fact.data["run"], before,
        ) > 0  # fmt: skip

    def _purge(self, fact: Fact) -> bool:
        done = self._move(fact, "trash", PURGED, fact.time)
        if done:
            self._run("DELETE FROM run_texts WHERE run = ?", fact.data["run"])
            self._run("UPDATE runs SET notes = NULL WHERE id = ? AND typeof(notes) = 'blob'", fact.data["run"])
        return done

    def _need(self, run: str, text: Text | None) -> None:
        """Remember a text that was said of a run, if it is a long one."""
        if isinstance(text, bytes):
            self._run("INSERT OR IGNORE INTO run_texts VALUES (?, ?)", run, text)

    def _run(self, sql: str, *values: Any) -> int:
        return self.database.execute(sql, values).rowcount

    def _one(self, sql: str, *values: Any) -> Any:
        row = self.database.execute(sql, values).fetchone()
        return row[0] if row else None


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise ValueError(f"no text: {value!r:.100}")
    return value


def _notes(value: Any) -> Text | None:
    return texts.named(value) if isinstance(value, dict) else _text(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError(f"no count: {value!r:.100}")
    return value


def _digests(values: Any) -> str:
    return json.dumps([spec.check_digest(value) for value in _list(values)])


def named(data: Mapping[str, Any]) -> str | None:
    """The run that a fact's data is about."""
    run = data.get("run")
    return run if isinstance(run, str) and spec.RUN.fullmatch(run) else None
