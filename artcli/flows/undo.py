"""Undo: the inverse of a fact, as a fact of its own. Nothing is taken out of the log.

A fact whose value has moved on since is not undone, for that would throw away what came later.
"""

from __future__ import annotations

from collections.abc import Set

from artcli.catalog.catalog import Catalog, Event
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.repository import Make, Repository
from artcli.errors import ConflictError, NotFoundError

UNDOABLE = ("version", "alias", "unalias", "protect", "tag", "untag", "edit", "rename", "delete", "restore")


def undoable(catalog: Catalog, limit: int = 20) -> list[Event]:
    """The newest events that `undo` can take back, newest first."""
    events = [event for event in catalog.events() if _open(event)]
    return events[: -limit - 1 : -1]


def undo(repository: Repository, event_id: str | None = None, reason: str | None = None) -> list[Event]:
    """Take back one event (by a prefix of its fact's id), or all of the newest command; returns what was taken back.

    Raises `ConflictError` (`moved-on`, `not-undoable`) and `NotFoundError` (`no-such-event`, `nothing-to-undo`).
    """
    chosen: list[Event] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        chosen[:] = find(catalog, event_id)
        restored = {event.fact.data["version"] for event in chosen if event.fact.kind == "delete"}
        drafts = [(inverse(catalog, event, restored), event) for event in chosen]
        return [make(draft._replace(reason=reason, undoes=event.fact.id)) for draft, event in drafts]

    repository.commit(plan)
    return chosen


def find(catalog: Catalog, event_id: str | None) -> list[Event]:
    """The events that `undo` would take back, in the order in which it would."""
    if event_id is None:
        newest = undoable(catalog, 1)
        if not newest:
            raise NotFoundError("nothing-to-undo", "nothing has been done that could be undone", hint="art audit")
        command = [event for event in catalog.events() if event.n == newest[0].n and _open(event)]
        return command[::-1]
    found = catalog.event(event_id)
    if len(found) != 1:
        raise NotFoundError(
            "no-such-event",
            f"{len(found)} events have an id that starts with {event_id!r}",
            hint="art undo --list",
        )
    if not _open(found[0]):
        done = (
            "was undone already" if found[0].undone_by else "cannot be undone" if found[0].applied else "had no effect"
        )
        raise ConflictError("not-undoable", f"{found[0].fact.kind} {event_id} {done}", hint="art undo --list")
    return found


def inverse(catalog: Catalog, event: Event, restored: Set[str] = frozenset()) -> Draft:
    """The fact that takes `event` back, when the versions `restored` are brought back beside it.

    Raises `ConflictError` (`moved-on`) if what the event set is no longer so.
    """
    fact = event.fact
    data = dict(fact.data)
    kind = fact.kind
    if kind in ("version", "restore", "delete"):
        version = catalog.version(fact.id if kind == "version" else data["version"])
        expected = TRASH if kind == "delete" else LIVE
        if version is None or version.state != expected:
            raise _moved_on(event)
        return Draft("restore" if kind == "delete" else "delete", {"version": version.id})
    if kind in ("alias", "unalias", "protect"):
        return _inverse_alias(catalog, event, restored)
    if kind in ("tag", "untag"):
        version = catalog.version(data["version"])
        if version is None or (data["tag"] in catalog.tags_of(version)) != (kind == "tag"):
            raise _moved_on(event)
        return Draft("untag" if kind == "tag" else "tag", data)
    if kind == "rename":
        artifact = catalog.artifact_by_id(event.artifact or 0)
        if artifact.name != data["to"]:
            raise _moved_on(event)
        return Draft("rename", {**data, "from": data["to"], "to": data["from"]})
    return _inverse_edit(catalog, event)


def _inverse_alias(catalog: Catalog, event: Event, restored: Set[str]) -> Draft:
    data = event.fact.data
    there = {alias.alias: alias for alias in catalog.aliases(event.artifact or 0)}.get(data["alias"])
    current = there.version if there else None
    if event.fact.kind == "unalias":
        version = catalog.version(data["version"])
        if current is not None or version is None or (version.state != LIVE and version.id not in restored):
            raise _moved_on(event)
        return Draft("alias", {"version": data["version"], "alias": data["alias"], "from": None})
    if there is None or current != data["version"]:
        raise _moved_on(event)
    if event.fact.kind == "protect":
        if there.protected != data["to"]:
            raise _moved_on(event)
        return Draft("protect", {**data, "from": data["to"], "to": data["from"]})
    if data["from"] is None:
        return Draft("unalias", {"version": current, "alias": data["alias"]})
    before = catalog.version(data["from"])
    if there.protected or before is None or before.state != LIVE:
        raise _moved_on(event)
    return Draft("alias", {"version": data["from"], "alias": data["alias"], "from": current})


def _inverse_edit(catalog: Catalog, event: Event) -> Draft:
    data = dict(event.fact.data)
    if "version" in data:
        version = catalog.version(data["version"])
        row = version
        values = version.metadata if version else {}
    else:
        row, values = catalog.artifact_by_id(event.artifact or 0), {}  # type: ignore[assignment]
    if row is None:
        raise _moved_on(event)
    old = {name: data.pop(name) for name in ("from", "to") if name in data}
    if data["field"] == "metadata":
        now = {"to": values[data["key"]]} if data["key"] in values else {}
    else:
        now = {"to": getattr(row, data["field"])}
    if now.get("to") != old.get("to") or ("to" in now) != ("to" in old):
        raise _moved_on(event)
    if "from" in old:
        data["to"] = old["from"]
    if "to" in old:
        data["from"] = old["to"]
    return Draft("edit", data)


def _open(event: Event) -> bool:
    return event.applied and not event.undone_by and not event.fact.undoes and event.fact.kind in UNDOABLE


def _moved_on(event: Event) -> ConflictError:
    return ConflictError(
        "moved-on",
        f"what {event.fact.kind} {event.fact.id[:12]} set has changed since, so undoing it would lose the later change",
        hint="art undo --list",
    )
