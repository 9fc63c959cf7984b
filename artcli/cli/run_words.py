"""Runs where commands take versions too: told apart by the resolver, versions first; and what is changed of a run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from artcli.catalog.fold import LIVE
from artcli.catalog.repository import Repository
from artcli.catalog.runs import resolve
from artcli.catalog.runs.register import Register, Run
from artcli.catalog.runs.view import notes
from artcli.cli.console import Console
from artcli.cli.editor import edit_file
from artcli.cli.formatting import counted
from artcli.errors import UsageError
from artcli.flows.edit import Edits
from artcli.flows.runs import changes
from artcli.flows.runs.active import active_run


def meant(console: Console, word: str, states: Sequence[str] = (LIVE,)) -> Run | None:
    """The run in one of these states that the word means, if it means no version; raises as `resolve.meant`."""
    return resolve.meant(console.repository().catalog, word, console.project, active_run(), states)


def split(console: Console, words: Sequence[str], states: Sequence[str] = (LIVE,)) -> tuple[list[Run], list[str]]:
    """The runs that are meant, each once, and the words that mean something else."""
    found = {word: meant(console, word, states) for word in words}
    runs = {run.id: run for run in found.values() if run is not None}
    return list(runs.values()), [word for word in words if found[word] is None]


def ref_of(run: Run) -> str:
    """The run as every command understands it: `run:` and its id."""
    return f"{resolve.MARK}{run.id}"


def count(versions: int, runs: int) -> str:
    """`2 versions, 1 run`; of nothing, no versions."""
    counts = [(versions, "version"), (runs, "run")]
    told = [counted(number, what) for number, what in counts if number]
    return ", ".join(told) or "0 versions"


def edited(
    console: Console, run: Run, edits: Edits, job_type: str | None, group: str | None, reason: str | None
) -> list[str]:
    """Change what is said of a run; what has changed. Without edits its notes open in an editor.

    Raises `UsageError` (`bad-usage`, `bad-run-name`).
    """
    wanted = changes.Edits(edits.rename, job_type, group, edits.note if isinstance(edits.note, str) else None)
    if edits._replace(rename=None, note=None) != Edits():
        message = "a run has a name, a note, a job type and a group to edit; its config and summary are what it said"
        raise UsageError("bad-usage", message, hint=f"art edit {ref_of(run)} --note TEXT")
    repository = console.repository()
    if wanted == changes.Edits():
        wanted = changes.Edits(notes=_in_editor(console, notes(repository, run) or ""))
    facts = changes.edit(repository, run, wanted, reason)
    return [str(fact.data["field"]) for fact in facts]


def name_of(repository: Repository, run: Run) -> str:
    """What the run is called by now."""
    known = Register(repository.follower.database).run(run.id)
    return known.name if known else run.name


def _in_editor(console: Console, text: str) -> str:
    handle, name = tempfile.mkstemp(prefix="art-", suffix=".md")
    path = Path(name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        edit_file(console, path, console.again("--note", "TEXT"))
        return path.read_text(encoding="utf-8").rstrip("\n")
    finally:
        path.unlink(missing_ok=True)
