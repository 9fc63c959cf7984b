"""Undo: the inverse of a fact, as a fact of its own. Nothing is taken out of the log.

A fact whose value has moved on since is not undone, for that would throw away what came later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from artcli.catalog import texts
from artcli.catalog.catalog import Alias, Catalog, Event
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.fold import LIVE, TEXTS, TRASH
from artcli.catalog.repository import Make, Repository
from artcli.errors import ConflictError, NotFoundError
from artcli.flows.rm import deletion
from artcli.flows.runs import changes

UNDOABLE = ("version", "alias", "unalias", "protect", "tag", "untag", "edit", "rename", "delete", "restore")


class Step(NamedTuple):
    """An event and the facts that take it back."""

    event: Event
    inverse: list[Draft]


def undoable(catalog: Catalog) -> Iterator[Event]:
    """The events that `undo` without an id takes back one command after the other, newest first."""
    return (event for event in catalog.events(backwards=True) if _is_open(event) and not event.fact.undoes)


def undo(repository: Repository, event_id: str | None = None, reason: str | None = None) -> list[Event]:
    """Take back one event (by a prefix of its fact's id), or all of the newest command; returns what was taken back.

    Raises as `plan_undo`.
    """
    chosen: list[Event] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        steps = plan_undo(catalog, event_id)
        chosen[:] = [step.event for step in steps]
        return [
            make(draft._replace(reason=reason, undoes=step.event.fact.id)) for step in steps for draft in step.inverse
        ]

    repository.commit(plan)
    return chosen


def plan_undo(catalog: Catalog, event_id: str | None = None) -> list[Step]:
    """What `undo` would do, in order.

    Raises `ConflictError` (`moved-on`, `not-undoable`, `protected-alias`), `NotFoundError` (`no-such-event`,
    `nothing-to-undo`).
    """
    if event_id is not None:
        events = [_find(catalog, event_id)]
    else:
        newest = next(undoable(catalog), None)
        if newest is None:
            raise NotFoundError("nothing-to-undo", "nothing has been done that could be undone", hint="art log")
        command = catalog.events(n=newest.n, backwards=True)
        events = [event for event in command if _is_open(event) and not event.fact.undoes]
    return [Step(event, _inverse(catalog, event, events)) for event in events]


def _find(catalog: Catalog, event_id: str) -> Event:
    found = catalog.event(event_id.lower()) if event_id else []
    if len(found) != 1:
        raise NotFoundError(
            "no-such-event",
            f"{len(found) or 'no'} events have an id that starts with {event_id!r}",
            hint="art undo --list",
        )
    event = found[0]
    if not _is_open(event):
        done = "was undone already" if event.undone_by else "cannot be undone" if event.applied else "had no effect"
        raise ConflictError("not-undoable", f"{event.fact.kind} {event_id} {done}", hint="art undo --list")
    return event


def _is_open(event: Event) -> bool:
    return event.applied and not event.undone_by and event.fact.kind in UNDOABLE


def _inverse(catalog: Catalog, event: Event, beside: Sequence[Event]) -> list[Draft]:
    """The facts that take `event` back, while all of `beside` are taken back with it."""
    kind = event.fact.kind
    if event.run is not None and kind != "version":
        inverse = changes.inverse(catalog, event)
        if inverse is None:
            raise _moved_on(event)
        return [inverse]
    if kind in ("version", "restore", "delete"):
        return _inverse_state(catalog, event, beside)
    if kind in ("alias", "unalias", "protect"):
        return [_inverse_alias(catalog, event, beside)]
    if kind in ("tag", "untag"):
        return [_inverse_tag(catalog, event)]
    return [_inverse_rename(catalog, event) if kind == "rename" else _inverse_edit(catalog, event)]


def _inverse_state(catalog: Catalog, event: Event, beside: Sequence[Event]) -> list[Draft]:
    kind = event.fact.kind
    version = catalog.version(event.version or "")
    if version is None or version.state != (TRASH if kind == "delete" else LIVE):
        raise _moved_on(event)
    if kind == "delete":
        return [Draft("restore", {"version": version.id})]
    freed = {other.fact.data["alias"] for other in beside if other.fact.kind == "alias" and other.version == version.id}
    return deletion(catalog, version, freed=freed)


def _inverse_alias(catalog: Catalog, event: Event, beside: Sequence[Event]) -> Draft:
    data = event.fact.data
    there = _alias(catalog, event)
    if event.fact.kind == "unalias":
        restored = {other.version for other in beside if other.fact.kind == "delete"}
        if there is not None or not _is_live(catalog, data["version"], restored):
            raise _moved_on(event)
        return Draft("alias", {"version": data["version"], "alias": data["alias"], "from": None})
    if there is None or there.version != data["version"]:
        raise _moved_on(event)
    if event.fact.kind == "protect":
        if there.protected != data["to"]:
            raise _moved_on(event)
        return Draft("protect", {**data, "from": data["to"], "to": not data["to"]})
    if there.protected:
        raise _moved_on(event)
    before = data.get("from")
    if before is None:
        return Draft("unalias", {"version": there.version, "alias": data["alias"]})
    if not _is_live(catalog, before, ()):
        raise _moved_on(event)
    return Draft("alias", {"version": before, "alias": data["alias"], "from": there.version})


def _alias(catalog: Catalog, event: Event) -> Alias | None:
    """The alias that an event is about, as it is now."""
    aliases = catalog.aliases(event.artifact) if event.artifact is not None else []
    return next((alias for alias in aliases if alias.alias == event.fact.data["alias"]), None)


def _is_live(catalog: Catalog, id: str, restored: Sequence[str | None] | set[str | None]) -> bool:
    version = catalog.version(id)
    return version is not None and (version.state == LIVE or id in restored)


def _inverse_tag(catalog: Catalog, event: Event) -> Draft:
    data = event.fact.data
    version = catalog.version(data["version"])
    there = version is not None and data["tag"] in catalog.tags_of(version)
    if there != (event.fact.kind == "tag"):
        raise _moved_on(event)
    return Draft("untag" if there else "tag", data)


def _inverse_rename(catalog: Catalog, event: Event) -> Draft:
    data = event.fact.data
    if event.artifact is None or catalog.artifact_by_id(event.artifact).name != data["to"]:
        raise _moved_on(event)
    return Draft("rename", {**data, "from": data["to"], "to": data["from"]})


def _inverse_edit(catalog: Catalog, event: Event) -> Draft:
    data = dict(event.fact.data)
    was = {name: data.pop(name) for name in ("from", "to") if name in data}
    if _value(catalog, event) != ({"to": was["to"]} if "to" in was else {}):
        raise _moved_on(event)
    if data["field"] in TEXTS:
        text = texts.named(was.get("from"))
        if isinstance(text, bytes) and not catalog.has_text(text):
            raise _moved_on(event)  # gc has taken it since
    if "to" in was:
        data["from"] = was["to"]
    if "from" in was:
        data["to"] = was["from"]
    return Draft("edit", data)


def _value(catalog: Catalog, event: Event) -> dict[str, Any]:
    """What an edit's field holds now, as `to`; empty for a metadata key that is not there."""
    data = event.fact.data
    row: Any = None
    if "version" in data:
        row = catalog.version(data["version"])
    elif event.artifact is not None:
        row = catalog.artifact_by_id(event.artifact)
    if row is None:
        raise _moved_on(event)
    if data["field"] != "metadata":
        return {"to": texts.value(getattr(row, data["field"]))}
    return {"to": row.metadata[data["key"]]} if data["key"] in row.metadata else {}


def _moved_on(event: Event) -> ConflictError:
    kind, id = event.fact.kind, event.fact.id[:12]
    return ConflictError(
        "moved-on",
        f"what {kind} {id} set has changed since, and undoing it would lose the later change",
        hint="art undo --list",
    )
