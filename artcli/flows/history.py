"""What happened, told from facts: the one wording that `log`, `audit`, `undo` and `show` share.

Housekeeping (which indexes are live, which packs are condemned) is no history of the user's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from artcli.catalog import moments, resolve, spec
from artcli.catalog.catalog import Artifact, Catalog, Event, Version
from artcli.catalog.fold import LIVE, PURGED, TEXTS, TRASH
from artcli.catalog.runs import resolve as runs
from artcli.catalog.runs.register import Register
from artcli.flows.texts import Read, as_named

HOUSEKEEPING = frozenset({"index", "condemn", "segment"})
CREATION = "version"
OF_RUNS = frozenset({"run", "resume", "finish", "input", "output"})
"""What runs do by themselves."""
ANY_STATE = (LIVE, TRASH, PURGED)
STATES = {"delete": ("live", "trash"), "restore": ("trash", "live"), "purge": ("trash", "purged")}
_WORDS_OF_RUNS = {"input": "used ", "output": "logged "}
_WORDS = {"delete": "deleted", "restore": "restored", "purge": "purged"}


class Told(NamedTuple):
    """An event in words."""

    id: str
    """The fact's."""
    event: Event
    kind: str
    ref: str
    """The version, or the artifact's name; with the project where it is not the current one."""
    field: str
    """What has changed: `alias best`, `metadata.lr`, `description`, `state`, …"""
    old: Any
    new: Any

    @property
    def text(self) -> str:
        """What happened, in a few words."""
        if self.kind == CREATION:
            return f"new version: {self.new}"
        if self.kind in OF_RUNS and self.kind != "resume":
            return f"new run: {self.new}" if self.kind == "run" else _WORDS_OF_RUNS.get(self.kind, "") + str(self.new)
        if self.kind in _WORDS or (self.old is None and self.new is None):
            return _WORDS.get(self.kind, self.field)
        if self.old is None:
            return f"{self.field}: {_short(self.new)}"
        return f"{self.field}: {_short(self.old)} → {_short(self.new) if self.new is not None else 'none'}"


class Filter(NamedTuple):
    """Which events to tell; what is None lets all through."""

    since: float | None = None
    """Seconds since 1970, by the clocks of those who made the facts."""
    actor: str | None = None
    """A part of the actor's name."""
    type: str | None = None
    """Type of the artifact."""
    limit: int | None = None


def scope(
    catalog: Catalog, ref: str | None, project: str, active: str | None = None
) -> tuple[dict[str, Any], str | None]:
    """Whose events `ref` means, as arguments of `Catalog.events`, and a note for the user.

    A version or run in the trash, or one whose bytes are gone, has a history too. `active`: the run that `@` is.
    Raises `NotFoundError`, `UsageError`.
    """
    if ref is None:
        return {}, None
    if run := runs.meant(catalog, ref, project, active, ANY_STATE):
        return {"run": run.id}, None
    wanted = spec.parse(ref)
    if not wanted.names_version:
        artifact, note = resolve.artifact(catalog, ref, project)
        return {"artifact": artifact.id}, note
    number = resolve.version_number(wanted.version or "")
    if number is not None and not wanted.back and wanted.path is None:
        artifact, note = resolve.artifact(catalog, ref, project)
        if version := catalog.numbered(artifact.id, number):
            return {"version": version.id}, note
    found = resolve.whole(catalog, ref, project)
    return {"version": found.version.id}, found.note


def history(
    catalog: Catalog,
    about: dict[str, Any],
    project: str,
    wanted: Filter,
    *,
    backwards: bool = True,
    read: Read = as_named,
) -> Iterator[Told]:
    """The events that `scope` has found, newest first or oldest first; `read` as `tell` has it."""
    tell = _Teller(catalog, project, read).tell
    events = (event for event in catalog.events(**about, backwards=backwards) if event.fact.kind not in HOUSEKEEPING)
    types = {artifact.id: artifact.type for artifact in catalog.artifacts()} if wanted.type else {}
    found = (
        tell(event)
        for event in events
        if _passes(event, wanted) and (wanted.type is None or types.get(event.artifact or 0) == wanted.type)
    )
    return islice(found, wanted.limit)


def tell(catalog: Catalog, event: Event, project: str, read: Read = as_named) -> Told:
    """One event in words; `read` gives the text that stands in a fact, or is named there (`Reader.value`)."""
    return _Teller(catalog, project, read).tell(event)


def added(version: Version) -> str:
    """What a version added: `2 of 5 files new, 40 %`; the share is of its bytes."""
    files = "file" if version.entries == 1 else "files"
    return f"{version.new_entries:,} of {version.entries:,} {files} new{_share(version.new_size, version.size)}"


def _share(part: int, whole: int) -> str:
    if not whole:
        return ""
    percent = part / whole * 100
    return f", {percent:.0f} %" if percent >= 0.5 or not part else ", <1 %"


def _passes(event: Event, wanted: Filter) -> bool:
    fact = event.fact
    if wanted.actor is not None and wanted.actor.lower() not in fact.actor.lower():
        return False
    return wanted.since is None or moments.seconds(fact.time) >= wanted.since


class _Teller:
    """Tells events, and looks up each version and artifact once."""

    def __init__(self, catalog: Catalog, project: str, read: Read) -> None:
        self._catalog = catalog
        self._project = project
        self._read = read
        self._versions: dict[str, Version | None] = {}
        self._artifacts: dict[int, Artifact] = {}
        self._runs: dict[str, str] = {}

    def tell(self, event: Event) -> Told:
        fact = event.fact
        field, old, new = self._change(event)
        return Told(fact.id, event, fact.kind, self._ref(event), field, old, new)

    def _change(self, event: Event) -> tuple[str, Any, Any]:
        kind, data = event.fact.kind, event.fact.data
        if kind in OF_RUNS:
            return self._of_run(kind, data)
        if kind == CREATION:
            version = self._version(event.fact.id)
            return "version", None, added(version) if version else None
        if kind in STATES:
            return "state", *STATES[kind]
        if kind == "alias":
            return f"alias {data.get('alias')}", self._number(data.get("from")), self._number(data.get("version"))
        if kind == "unalias":
            return f"alias {data.get('alias')}", self._number(data.get("version")), None
        if kind == "protect":
            return f"protection of {data.get('alias')}", data.get("from"), data.get("to")
        if kind in ("tag", "untag"):
            tag = data.get("tag")
            return "tag", *((None, tag) if kind == "tag" else (tag, None))
        if kind == "rename":
            return "name", data.get("from"), data.get("to")
        if kind == "edit":
            return self._edit(data)
        return kind, None, None

    def _of_run(self, kind: str, data: Mapping[str, Any]) -> tuple[str, Any, Any]:
        if kind == "run":
            return "run", None, data.get("job_type") or data.get("name")
        if kind == "finish":
            exit = data.get("exit")
            return "outcome", None, str(data.get("outcome")) + (f", exit code {exit}" if exit else "")
        if kind == "resume":
            return "resumed", None, None
        version = self._version(data.get("version"))
        what = self._with_project(version.project, version.ref) if version else data.get("uri") or data.get("digest")
        return {"input": "used", "output": "logged"}[kind], None, what

    def _edit(self, data: Mapping[str, Any]) -> tuple[str, Any, Any]:
        field, old, new = data.get("field"), data.get("from"), data.get("to")
        if field in (*TEXTS, "notes"):
            return str(field), self._read(old), self._read(new)
        return f"metadata.{data.get('key')}" if field == "metadata" else str(field), old, new

    def _ref(self, event: Event) -> str:
        if event.run is not None and event.fact.kind != CREATION:
            return self._run_ref(event.run)
        version = self._version(event.version)
        if version is not None:
            return self._with_project(version.project, version.ref)
        if event.artifact is None:
            return ""
        if event.artifact not in self._artifacts:
            self._artifacts[event.artifact] = self._catalog.artifact_by_id(event.artifact)
        artifact = self._artifacts[event.artifact]
        return self._with_project(artifact.project, artifact.name)

    def _run_ref(self, id: str) -> str:
        if id not in self._runs:
            run = Register(self._catalog.database).run(id)
            self._runs[id] = self._with_project(run.project, run.name) if run else id
        return self._runs[id]

    def _with_project(self, project: str, ref: str) -> str:
        return ref if project == self._project else f"{project}/{ref}"

    def _version(self, id: object) -> Version | None:
        if not isinstance(id, str):
            return None
        if id not in self._versions:
            self._versions[id] = self._catalog.version(id)
        return self._versions[id]

    def _number(self, id: object) -> str | None:
        version = self._version(id)
        return f"v{version.number}" if version else None


def _short(value: Any) -> str:
    """The first line of a value, cut where it is long."""
    import json

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    first, newline, _ = text.partition("\n")
    return first[:79] + "…" if len(first) > 80 or newline else first
