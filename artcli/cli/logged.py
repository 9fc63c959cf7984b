"""What `art log-artifact` says of what it logged."""

from __future__ import annotations

import os
from typing import Any

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import files
from artcli.errors import PartialError
from artcli.flows.log_artifact import Logged, Request
from artcli.wording import printable

LOGGED = Schema(
    "logged",
    fields=[
        Field("ref", help="name:vN"),
        Field("name"),
        Field("version", help="vN"),
        Field("project"),
        Field("type"),
        Field("digest", help="of the content"),
        Field("created", "truth", "false: the newest version has this content already"),
        Field("dry_run", "truth"),
        Field("entries", "count", "files, links and empty directories"),
        Field("size", "size"),
        Field("new_entries", "count", "entries whose content was new; of files of up to 256 bytes: at their path"),
        Field("new_size", "size", "bytes of content that were new"),
        Field("stored", "size", "bytes added to the store"),
        Field("problems", "object", "what is not in the version, and why"),
        Field("trashed", "words", "older versions beyond keep-last"),
        Field("seconds", "object"),
    ],
    columns=["ref"],
    key="ref",
)


def tell(console: Console, logged: Logged, request: Request) -> None:
    """What was left out, what was logged, and what it cost."""
    for problem in logged.problems:
        console.warn(f"left out: {printable(os.fsdecode(problem.path))}: {problem.reason}")
    console.record(LOGGED, item(logged, request), receipt=receipt(console, logged, request), summary=True)


def check_whole(logged: Logged) -> None:
    """Raise `PartialError` (`files-left-out`) if something is not in the version."""
    if logged.problems:
        raise PartialError("files-left-out", f"not in the version: {files(len(logged.problems))}")


def item(logged: Logged, request: Request) -> dict[str, Any]:
    """What was logged, or would be."""
    version = logged.version
    return {
        "ref": version.ref if version else request.name,
        "name": version.name if version else request.name,
        "version": f"v{version.number}" if version else None,
        "project": version.project if version else request.project,
        "type": version.type if version else logged.type,
        "digest": logged.root.content.hex(),
        "created": logged.created,
        "dry_run": request.dry_run,
        "entries": logged.root.entries,
        "size": logged.root.size,
        "new_entries": logged.new_entries,
        "new_size": logged.new_size,
        "stored": logged.stored,
        "problems": [{"path": os.fsdecode(problem.path), "reason": problem.reason} for problem in logged.problems],
        "trashed": [trashed.ref for trashed in logged.trashed],
        "seconds": round(logged.seconds, 3),
    }


def receipt(console: Console, logged: Logged, request: Request) -> str:
    """The one line that says what it cost."""
    ref = logged.version.ref if logged.version else request.name
    if not logged.created:
        return f"{ref}  has this content already  {files(logged.root.entries)}"
    what = f"{'would add ' if request.dry_run else '+'}{logged.new_entries:,} of {files(logged.root.entries)}"
    kind = f"  type {logged.type}: {logged.type_reason}" if logged.type_reason else ""
    return f"{ref}  {what}  {console.size(logged.new_size)} new  {logged.seconds:.1f} s{kind}"
