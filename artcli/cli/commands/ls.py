"""`art ls`: artifacts, versions, files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any

import typer

from artcli.catalog import conditions, moments
from artcli.catalog.catalog import Artifact, Version
from artcli.catalog.folder import Item
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import VERSION_FIELDS, first_line, version_item
from artcli.flows import ls
from artcli.flows.diff import shown_path
from artcli.flows.ls import ArtifactRow, Query
from artcli.flows.texts import Reader

EXAMPLES = """
art ls                                        # artifacts of the project
art ls dataset                                # its versions, and what each has added
art ls dataset:v0 -l                          # its files; art ls dataset/train lists a folder of the newest
art ls --type model --where 'metadata.stage=production'
art ls dataset --where 'size>1GB' --since 7d --sort -size
art ls --deleted                              # the trash
"""

ARTIFACTS = Schema(
    "artifacts",
    fields=[
        Field("ref", help="the name, with the project where it is not the current one"),
        Field("name"),
        Field("project"),
        Field("type"),
        Field("versions", "count", "live versions"),
        Field("latest", help="name:vN of the newest"),
        Field("size", "size", "bytes of the newest version's files"),
        Field("stored", "size", "bytes that all versions added to the store"),
        Field("changed", "time", "last version or edit"),
        Field("aliases", "words", "of all versions"),
        Field("about", help="first line of its description or note"),
        Field("description"),
        Field("note"),
        Field("keep_last", "count", "how many versions without an alias are kept"),
    ],
    columns=["ref", "type", "versions", "size", "changed", "aliases", "about"],
    key="ref",
)
VERSIONS = Schema(
    "versions",
    fields=VERSION_FIELDS,
    columns=["ref", "aliases", "tags", "size", "added", "time", "actor", "about"],
    key="ref",
)
FILES = Schema(
    "files",
    fields=[
        Field("path", help="in the version; that of a folder, also of an empty one, ends with a slash"),
        Field("kind", help="file, executable, symlink, directory or reference"),
        Field("size", "size"),
        Field("digest", help="BLAKE3: what b3sum prints"),
        Field("reference", help="where the bytes are, if they are kept elsewhere"),
        Field("ref", help="name:vN"),
    ],
    columns=["path"],
    key="path",
)


def command(
    ctx: typer.Context,
    ref: Annotated[str | None, typer.Argument(metavar="[NAME | REF[/DIR]]", help="what to look into")] = None,
    long: Annotated[bool, typer.Option("--long", "-l", help="kind, size and digest of files")] = False,
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="files in folders too")] = False,
    deleted: Annotated[bool, typer.Option("--deleted", help="versions in the trash")] = False,
    all_projects: Annotated[bool, typer.Option("--all-projects", help="artifacts of every project")] = False,
    type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="of this type")] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="TAG", help="with this tag on a version")] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="CONDITION", help="KEY=VALUE or != < > <= >=; repeatable")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="WHEN", help="changed since: 7d, 2026-11-01")] = None,
    sort: Annotated[str | None, typer.Option("--sort", metavar="COLUMN", help="by size, …; -size: backwards")] = None,
    limit: Annotated[int | None, typer.Option("-n", "--limit", metavar="N", min=0, help="the first N only")] = None,
) -> None:
    """List artifacts; the versions of one; or the files of a version.

    A condition asks for metadata.KEY, name, type or size; an artifact is listed if one of its versions fulfils all.
    """
    console: Console = ctx.obj
    repository, project = console.repository(), console.project
    catalog, read = repository.catalog, Reader(repository, console.warn).row
    asked = tuple(map(conditions.parse, where or ()))
    query = Query(type, tag, asked, moments.parse(since) if since else None, sort, limit, deleted)
    if ref is not None and not ls.names_versions(catalog, ref, project):
        found = ls.files(repository, ref, project, query, recursive=recursive)
        _say(console, found.note)
        items = (_file(item, found.version.ref) for item in found.items)
        console.rows(FILES, items, columns=["kind", "size", "digest", "path", "reference"] if long else None)
    elif ref is not None or deleted:
        rows, note = ls.versions(catalog, ref, project, query)
        _say(console, note)
        waiting = repository.provisional()
        items = (version_item(read(row.version), row.aliases, row.tags, project, waiting) for row in rows)
        console.rows(VERSIONS, items)
    else:
        artifacts = ls.artifacts(catalog, None if all_projects else project, query)
        others = [] if artifacts or all_projects else ls.other_projects(catalog, project)
        if others:
            console.say(f"none in project '{project}'; --all-projects lists those of {', '.join(others)}")
        elif not artifacts and query == Query():
            console.say("nothing yet; art log-artifact NAME PATH makes a version")
        console.rows(ARTIFACTS, (_artifact(row, project, read) for row in artifacts))


def _artifact(row: ArtifactRow, project: str, read: Callable[[Any], Any]) -> dict[str, Any]:
    artifact: Artifact = read(row.summary.artifact)
    latest: Version | None = row.summary.latest and read(row.summary.latest)
    return artifact._asdict() | {
        "ref": artifact.name if artifact.project == project else f"{artifact.project}/{artifact.name}",
        "versions": row.summary.versions,
        "latest": latest.ref if latest else None,
        "size": latest.size if latest else None,
        "stored": row.summary.stored,
        "aliases": row.aliases,
        "about": first_line(artifact.description, artifact.note, latest and latest.description, latest and latest.note),
    }


def _file(item: Item, ref: str) -> dict[str, Any]:
    entry = item.entry
    return {
        "path": os.fsdecode(shown_path(entry) if entry else item.path),
        "kind": ls.kind_of(item),
        "size": entry.size if entry else None,
        "digest": entry.digest.hex() if entry else None,
        "reference": ls.address(entry) if entry else None,
        "ref": ref,
    }


def _say(console: Console, note: str | None) -> None:
    if note:
        console.say(note)
