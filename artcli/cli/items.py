"""Items that several commands print: versions and events, as their schemas have them."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from artcli.catalog.catalog import Version
from artcli.catalog.texts import Text
from artcli.cli.formatting import Field, Schema, counted
from artcli.flows.history import Told, added

VERSION_FIELDS = [
    Field("ref", help="name:vN, with the project where it is not the current one"),
    Field("name", help="of the artifact"),
    Field("project"),
    Field("version", help="vN"),
    Field("provisional", "truth", "the number may be another one once the version was pushed"),
    Field("type"),
    Field("state", help="live, trash or purged"),
    Field("aliases", "words"),
    Field("tags", "words"),
    Field("entries", "count", "files, links and empty directories in it"),
    Field("size", "size", "bytes of its files"),
    Field("new_entries", "count", "entries whose content was new; of files of up to 256 bytes: at their path"),
    Field("new_size", "size", "bytes of content that were new"),
    Field("stored", "size", "bytes that it added to the store"),
    Field("added", help="the same in words"),
    Field("about", help="first line of its description or note"),
    Field("description"),
    Field("note"),
    Field("metadata", "object"),
    Field("digest", help="of names and bytes: name@DIGEST pins it"),
    Field("id", help="of the fact that made it"),
    Field("base", help="id of the version it was built on"),
    Field("time", "time", "when it was logged"),
    Field("actor", "person", help="who logged it"),
    Field("machine", help="where"),
    Field("reason", help="why"),
    Field("deleted", "time", "when it went to the trash"),
]

EVENTS = Schema(
    "events",
    fields=[
        Field("event", help="enough of the id to name it: art undo EVENT"),
        Field("time", "time", "when, by the clock of who did it"),
        Field("actor", "person", help="who"),
        Field("machine", help="where"),
        Field("ref", help="the version, or the artifact"),
        Field("text", help="what happened, in words"),
        Field("field", help="what has changed"),
        Field("old", "object", "the value before"),
        Field("new", "object", "the value after"),
        Field("reason", help="why"),
        Field("kind", help="of the fact"),
        Field("applied", "truth", "false: it had no effect"),
        Field("undone_by", help="id of the fact that took it back"),
        Field("undoes", help="id of the fact that it takes back"),
        Field("entry", "count", "number of the log entry"),
        Field("id", help="of the fact"),
    ],
    columns=["time", "actor", "ref", "text", "reason"],
    key="id",
)


def version_item(
    version: Version, aliases: list[str], tags: list[str], project: str, provisional: Set[str] = frozenset()
) -> dict[str, Any]:
    """A version, whose texts were read, as `VERSION_FIELDS` has it, seen from a project.

    `provisional`: ids of versions whose numbers are.
    """
    item = {field.name: getattr(version, field.name, None) for field in VERSION_FIELDS}
    return item | {
        "ref": ref_of(version, project),
        "version": f"v{version.number}",
        "provisional": version.id in provisional,
        "aliases": aliases,
        "tags": tags,
        "added": added(version),
        "about": first_line(version.description, version.note),
    }


def event_item(told: Told) -> dict[str, Any]:
    """An event as `EVENTS` has it."""
    event, fact = told.event, told.event.fact
    marks = {"undone": event.undone_by, "undo": fact.undoes, "no effect": not event.applied}
    mark = "".join(f"  ({word})" for word, holds in marks.items() if holds)
    return {
        "event": told.id[:12],
        "time": fact.time,
        "actor": fact.actor,
        "machine": fact.machine,
        "ref": told.ref,
        "text": told.text + mark,
        "field": told.field,
        "old": told.old,
        "new": told.new,
        "reason": fact.reason,
        "kind": told.kind,
        "applied": event.applied,
        "undone_by": event.undone_by,
        "undoes": fact.undoes,
        "entry": event.n,
        "id": told.id,
    }


def ref_of(version: Version, project: str) -> str:
    """`name:vN`, with the project where it is not the current one."""
    return version.ref if version.project == project else f"{version.project}/{version.ref}"


def files(count: int) -> str:
    """`1 file`, `2,400 files`."""
    return counted(count, "file")


def first_line(*texts: Text | None) -> str:
    """The first line of the first text that was read and says something."""
    read = (text.strip() for text in texts if isinstance(text, str))
    return next((text.partition("\n")[0] for text in read if text), "")
