"""The tables that the fold fills, and what their columns hold; see `fold`. Those of runs are `runs.fold.SCHEMA`."""

from __future__ import annotations

import json
import re
from typing import Any

TABLES_FORMAT = 5
"""Raise it whenever the tables below or what facts do to them changes: older caches are then made anew."""

SCHEMA = """
CREATE TABLE heads (place TEXT PRIMARY KEY, n INTEGER NOT NULL, digest TEXT NOT NULL) STRICT;
CREATE TABLE facts (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, own INTEGER NOT NULL, n INTEGER NOT NULL, kind TEXT NOT NULL,
    artifact INTEGER, version TEXT, run TEXT, applied INTEGER NOT NULL, undoes TEXT, undone_by TEXT, fault TEXT,
    line BLOB NOT NULL, settled INTEGER NOT NULL) STRICT;
CREATE INDEX facts_n ON facts (n);
CREATE INDEX facts_unsettled ON facts (seq) WHERE NOT settled;
CREATE INDEX facts_undone ON facts (undone_by) WHERE undone_by IS NOT NULL;
CREATE INDEX facts_artifact ON facts (artifact);
CREATE INDEX facts_version ON facts (version);
CREATE INDEX facts_run ON facts (run) WHERE run IS NOT NULL;
CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, next INTEGER NOT NULL,
    description ANY, note ANY, keep_last INTEGER, created TEXT NOT NULL, changed TEXT NOT NULL,
    UNIQUE (project, name)) STRICT;
CREATE TABLE names (
    project TEXT NOT NULL, name TEXT NOT NULL, artifact INTEGER NOT NULL, PRIMARY KEY (project, name)) STRICT;
CREATE TABLE versions (
    id TEXT PRIMARY KEY, artifact INTEGER NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL,
    page TEXT NOT NULL, digest TEXT NOT NULL, entries INTEGER NOT NULL, size INTEGER NOT NULL,
    new_entries INTEGER NOT NULL, new_size INTEGER NOT NULL, stored INTEGER NOT NULL,
    description ANY, note ANY, metadata TEXT NOT NULL, base TEXT,
    time TEXT NOT NULL, actor TEXT NOT NULL, machine TEXT NOT NULL, reason TEXT, deleted TEXT,
    UNIQUE (artifact, number)) STRICT;
CREATE INDEX versions_digest ON versions (digest);
CREATE TABLE aliases (
    artifact INTEGER NOT NULL, alias TEXT NOT NULL, version TEXT NOT NULL, protected INTEGER NOT NULL DEFAULT 0,
    time TEXT NOT NULL, PRIMARY KEY (artifact, alias)) STRICT;
CREATE INDEX aliases_version ON aliases (version);
CREATE TABLE texts (
    artifact INTEGER NOT NULL, version TEXT NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (artifact, version, digest)) STRICT;
CREATE TABLE tags (version TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (version, tag)) STRICT;
CREATE TABLE indexes (name TEXT PRIMARY KEY) STRICT;
CREATE TABLE condemned (pack TEXT PRIMARY KEY, fact TEXT NOT NULL) STRICT;
CREATE TABLE required (kind TEXT NOT NULL, what TEXT NOT NULL) STRICT;
"""

_HEX = re.compile(r"[0-9a-f]{64}")


def count(number: Any) -> int:
    """The number, if it is none below 0; raises ValueError."""
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ValueError(f"no count: {number!r}")
    return number


def digest(text: Any) -> str:
    """The text, if it is 64 hex digits; raises ValueError."""
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        raise ValueError(f"no digest: {text!r}")
    return text


def metadata(value: Any) -> str:
    """The object as JSON; raises ValueError."""
    if not isinstance(value or {}, dict):
        raise ValueError("metadata is no object")
    return json.dumps(value or {}, ensure_ascii=False)
