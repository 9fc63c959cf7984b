"""What may be changed of a run when it is over, or lives: its name and notes, its tags, whether it is there at all.

Each change is a fact with the old value, so that `audit` shows it and `undo` takes it back. The runs of a repository
are deleted as versions are: to the trash, where `restore` finds them until gc takes what they said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from artcli.catalog import texts
from artcli.catalog.catalog import Catalog, Event
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.repository import Make, Repository
from artcli.catalog.runs import liveness
from artcli.catalog.runs.fold import FIELDS
from artcli.catalog.runs.register import Register, Run
from artcli.catalog.spec import check_tag
from artcli.catalog.texts import Text
from artcli.errors import ConflictError, UsageError
from artcli.flows.texts import kept

NAME_LENGTH = 256


class Edits(NamedTuple):
    """What to change; None leaves a thing as it is, an empty text removes it."""

    name: str | None = None
    job_type: str | None = None
    group: str | None = None
    notes: Text | None = None


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

    Raises `UsageError` (`bad-run-name`, `text-too-long`, `unfit-value`), `SpaceError`.
    """
    check_name(edits.name)
    check_words(edits.job_type, edits.group)
    if isinstance(edits.notes, str):
        texts.check(edits.notes)
    with kept(repository, edits.notes) as ((notes,), news):
        wanted = edits._replace(notes=notes)

        def plan(catalog: Catalog, make: Make) -> list[Fact]:
            known = Register(catalog.database).run(run.id)
            changes = [
                _change(run.id, field, getattr(known, field), new or None)
                for field, new in wanted._asdict().items()
                if new is not None and (new or None) != getattr(known, field)
            ]
            return [make(draft) for draft in (*news, *(Draft("edit", change, reason) for change in changes))]

        return repository.commit(plan)[len(news) :]


def check_name(name: str | None) -> None:
    """Raise `UsageError` (`bad-run-name`) if the name is no line of at most 256 characters."""
    if name is not None and (not name.strip() or not _is_line(name)):
        message = f"a run's name is a line of at most {NAME_LENGTH} characters: {name!r:.100}"
        raise UsageError("bad-run-name", message, hint="art help bad-run-name")


def check_words(*words: str | None) -> None:
    """Raise `UsageError` (`bad-run-name`) if a job type or a group is too long, or no text."""
    for word in words:
        if word is not None and not _is_line(word):
            message = f"a job type or group is a line of at most {NAME_LENGTH} characters: {word!r:.100}"
            raise UsageError("bad-run-name", message, hint="art help bad-run-name")


def _is_line(word: str) -> bool:
    return len(word) <= NAME_LENGTH and "\n" not in word and not any("\ud800" <= letter <= "\udfff" for letter in word)


def _change(run: str, field: str, old: Text | None, new: Text | None) -> dict[str, Any]:
    data = {"run": run, "field": field, "from": texts.value(old), "to": texts.value(new)}
    return {key: value for key, value in data.items() if value is not None}


def _tags(catalog: Catalog, run: str) -> list[str]:
    return Register(catalog.database).tags(run).get(run, [])


# --- undo ---


def inverse(catalog: Catalog, event: Event) -> Draft | None:
    """The fact that takes back an event about a run; None if what it set has changed since."""
    kind, data = event.fact.kind, event.fact.data
    register = Register(catalog.database)
    run = register.run(str(data["run"]))
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
    if field not in FIELDS or texts.value(getattr(run, field)) != (data.get("to") or None):
        return None
    old, new = texts.named(data.get("to")), texts.named(data.get("from"))
    return Draft("edit", _change(run.id, field, old, new)) if register.has_text(run.id, new) else None
