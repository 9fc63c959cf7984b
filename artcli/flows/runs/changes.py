"""What may be changed of a run when it is over, or lives: its name and notes, its tags, whether it is there at all.

Each change is a fact with the old value, so that `audit` shows it and `undo` takes it back. The runs of a repository
are deleted as versions are: to the trash, where `restore` finds them until gc takes what they said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from artcli.catalog.catalog import Catalog, Event
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.repository import Make, Repository
from artcli.catalog.runs import liveness
from artcli.catalog.runs.fold import FIELDS
from artcli.catalog.runs.register import Register, Run
from artcli.catalog.spec import check_tag
from artcli.errors import ConflictError, UsageError

NAME_LENGTH = 256


class Edits(NamedTuple):
    """What to change; None leaves a thing as it is, an empty text removes it."""

    name: str | None = None
    job_type: str | None = None
    group: str | None = None
    notes: str | None = None


def check_over(repository: Repository, runs: Sequence[Run]) -> None:
    """Raise `ConflictError` (`run-running`) if one of the runs lives."""
    outcomes = liveness.outcomes(repository, runs)
    for run in runs:
        if outcomes[run.id] == liveness.RUNNING:
            raise ConflictError(
                "run-running", f"run '{run.name}' is running: {run.id}", hint=f"art run finish {run.id} --aborted"
            )


def remove(repository: Repository, runs: Sequence[Run], reason: str | None = None) -> list[Run]:
    """Send runs to the trash, as far as they are live; returns those that were. Raises as `check_over`."""
    check_over(repository, runs)
    return _move(repository, runs, LIVE, "delete", reason)


def restore(repository: Repository, runs: Sequence[Run], reason: str | None = None) -> list[Run]:
    """Bring runs back from the trash; returns those that were in it."""
    return _move(repository, runs, TRASH, "restore", reason)


def _move(repository: Repository, runs: Sequence[Run], state: str, kind: str, reason: str | None) -> list[Run]:
    moved: list[Run] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        found = [Register(catalog.database).run(run.id) for run in {run.id: run for run in runs}.values()]
        moved[:] = [run for run in found if run and run.state == state]
        return [make(Draft(kind, {"run": run.id}, reason)) for run in moved]

    repository.commit(plan)
    return moved


def set_tags(
    repository: Repository, run: Run, tags: Sequence[str], remove: bool = False, reason: str | None = None
) -> list[str]:
    """Put tags on the run, or take them off; returns those that it has then. Raises `UsageError` (`bad-tag`)."""
    for tag in tags:
        check_tag(tag)

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        there = _tags(catalog, run.id)
        changed = [tag for tag in dict.fromkeys(tags) if (tag in there) == remove]
        kind = "untag" if remove else "tag"
        return [make(Draft(kind, {"run": run.id, "tag": tag}, reason)) for tag in changed]

    repository.commit(plan)
    return _tags(repository.catalog, run.id)


def edit(repository: Repository, run: Run, edits: Edits, reason: str | None = None) -> list[Fact]:
    """Change what is said of the run; returns the facts, none if all was so already.

    Raises `UsageError` (`bad-run-name`, `text-too-long`).
    """
    if edits.name is not None and (not edits.name.strip() or len(edits.name) > NAME_LENGTH or "\n" in edits.name):
        message = f"a run's name is a line of at most {NAME_LENGTH} characters: {edits.name!r:.100}"
        raise UsageError("bad-run-name", message, hint=f"art run show {run.id}")

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        known = Register(catalog.database).run(run.id)
        made = []
        for field, wanted in edits._asdict().items():
            old = getattr(known, field)
            if wanted is not None and (wanted or None) != old:
                made.append(make(Draft("edit", _change(run.id, field, old, wanted or None), reason)))
        return made

    return repository.commit(plan)


def _change(run: str, field: str, old: str | None, new: str | None) -> dict[str, Any]:
    data = {"run": run, "field": field, "from": old, "to": new}
    return {key: value for key, value in data.items() if value is not None}


def _tags(catalog: Catalog, run: str) -> list[str]:
    return Register(catalog.database).tags(run).get(run, [])


# --- undo ---


def inverse(catalog: Catalog, event: Event) -> Draft | None:
    """The fact that takes back an event about a run; None if what it set has changed since."""
    kind, data = event.fact.kind, event.fact.data
    run = Register(catalog.database).run(str(data["run"]))
    if run is None:
        return None
    about = {"run": run.id}
    if kind == "delete":
        return Draft("restore", about) if run.state == TRASH else None
    if kind == "restore":
        return Draft("delete", about) if run.state == LIVE else None
    if kind in ("tag", "untag"):
        there = data["tag"] in _tags(catalog, run.id)
        return Draft("untag" if there else "tag", {**about, "tag": data["tag"]}) if there == (kind == "tag") else None
    field = data["field"]
    if field not in FIELDS or getattr(run, field) != (data.get("to") or None):
        return None
    return Draft("edit", _change(run.id, field, data.get("to"), data.get("from")))
