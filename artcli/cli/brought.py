"""What `use` and `get` say of what they brought: the same fields and the same receipt."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from artcli.catalog.catalog import Version
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.items import files
from artcli.flows.references import bring
from artcli.flows.references.bring import Unbrought
from artcli.flows.rescue import Rescued
from artcli.flows.sharing import Shared
from artcli.flows.use import Plan

FIELDS = [
    Field("path", help="the directory, or the file or folder that the reference names"),
    Field("ref", help="name:vN"),
    Field("digest"),
    Field("written", "count", "entries written"),
    Field("size", "size", "bytes written"),
    Field("cloned", "count", "of them, files that share their blocks with another working copy's"),
    Field("linked", "count", "of them, files that are hard links of another working copy's"),
    Field("kept", "count", "entries that were right already"),
    Field("removed", "count"),
    Field("rescued", "words", "your files that had to make room"),
    Field("rescued_to", help="where they are now"),
    Field("references", "words", "entries whose bytes are kept elsewhere, and could not be had"),
    Field("dry_run", "truth"),
    Field("seconds", "object"),
]


class Brought(Protocol):
    """What both flows answer."""

    @property
    def version(self) -> Version: ...
    @property
    def path(self) -> Path: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def rescued(self) -> Rescued: ...
    @property
    def unbrought(self) -> Sequence[Unbrought]: ...
    @property
    def shared(self) -> Shared: ...
    @property
    def note(self) -> str | None: ...
    @property
    def seconds(self) -> float: ...


def schema(name: str) -> Schema:
    """The schema of what a command brings; a pipe gets the path alone."""
    return Schema(name, fields=FIELDS, columns=["path"], key="path")


def item(done: Brought, dry_run: bool) -> dict[str, Any]:
    """What was done, or would be done."""
    plan = done.plan
    return {
        "path": str(done.path),
        "ref": done.version.ref,
        "digest": done.version.digest,
        "written": plan.write - len(done.unbrought),
        "size": plan.size - sum(missing.size for missing in done.unbrought),
        "cloned": done.shared.cloned,
        "linked": done.shared.linked,
        "kept": plan.keep,
        "removed": len(plan.remove),
        "rescued": [os.fsdecode(path) for path in (plan.rescue if dry_run else done.rescued.paths)],
        "rescued_to": str(done.rescued.folder) if done.rescued.paths else None,
        "references": bring.paths(done.unbrought),
        "dry_run": dry_run,
        "seconds": round(done.seconds, 3),
    }


def tell(console: Console, done: Brought, dry_run: bool) -> None:
    """The receipt, and what the user should know besides."""
    plan, told = done.plan, item(done, dry_run)
    if done.note:
        console.say(done.note)
    if done.rescued.paths:
        console.say(f"{files(len(done.rescued.paths))} of yours made room: now in {done.rescued.folder}")
    if done.shared.writable:
        console.say(f"{files(done.shared.writable)} not linked, for somebody may write the originals (chmod -R a-w)")
    verb = "would write" if dry_run else "wrote"
    written = f"{verb} {told['written']:,} of {files(plan.write + plan.keep)}, {console.size(told['size'])}{_how(done)}"
    removed = f"  {'would remove' if dry_run else 'removed'} {len(plan.remove):,}" if plan.remove else ""
    what = written if plan.write else "in place"
    console.say(f"{done.version.ref}  {what}{removed}  {done.seconds:.1f} s")


def print_paths(console: Console, what: Schema, done: Sequence[Brought], dry_run: bool, end: str = "\n") -> None:
    """Print the paths, and then raise for what could not be brought, if there is anything.

    Where more failed than nobody here can bring, nothing is printed: a script must not go on with it.
    """
    unbrought = [missing for one in done for missing in one.unbrought]
    failed = bring.failure(unbrought)
    if failed is None or bring.is_partial(unbrought):
        console.lines(what, [item(one, dry_run) for one in done], end=end)
    if failed is not None:
        raise failed


def _how(done: Brought) -> str:
    """How many files were made without a copy of their bytes, if any."""
    cloned, linked, _ = done.shared
    counts = {"cloned": cloned, "linked": linked, "copied": done.plan.write - len(done.unbrought) - cloned - linked}
    told = [f"{count:,} {word}" for word, count in counts.items() if count]
    return f" ({', '.join(told)})" if cloned or linked else ""
