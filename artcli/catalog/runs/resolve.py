"""From a word to the run that it means, with help where it means none.

    id                  or the beginning of one, of four characters or more
    name                of several runs the last one, in this project if it is there
    job_type:latest     the last run of that type
    -1, -2, …           the last run of this project, the one before
    @                   the run that the caller works in

`run:` before any of them says that it is a run, where a version might be meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from artcli.catalog import resolve
from artcli.catalog.catalog import Catalog
from artcli.catalog.fold import LIVE, PURGED, TRASH
from artcli.catalog.runs.register import Register, Run
from artcli.errors import ConflictError, NotFoundError, UsageError

PREFIX = 4
"""Characters of an id that are enough, if they are those of one run."""
MARK = "run:"
_BACK = re.compile(r"-([1-9][0-9]{0,6})")
_LATEST = ":latest"


def run(catalog: Catalog, word: str, project: str, active: str | None = None, states: Sequence[str] = (LIVE,)) -> Run:
    """The run in one of these states that `word` means; `active`: the run that `@` is.

    Raises `NotFoundError` (`no-such-run`, `no-run`, `run-deleted`, `run-purged`), `ConflictError` (`ambiguous-run`).
    """
    register = Register(catalog.database)
    bare = word.removeprefix(MARK)
    if bare == "@":
        if active is None:
            raise NotFoundError("no-run", "'@' is the run at work, and there is none", hint="art runs")
        bare = active
    if known := register.run(bare):
        return _in(known, states)
    found = _found(register, bare, project, states)
    if found is None and (elsewhere := _found(register, bare, project, (TRASH, PURGED))):
        return _in(elsewhere, states)
    if found is None:
        raise _missing(register, bare, project)
    return found


def meant(
    catalog: Catalog, word: str, project: str, active: str | None = None, states: Sequence[str] = (LIVE,)
) -> Run | None:
    """The run that `word` means where it may be a version too: those come first. None: it is no run.

    Raises as `run` for what can only be one.
    """
    if word.startswith(MARK) or word == "@" or _BACK.fullmatch(word):
        return run(catalog, word, project, active, states)
    try:
        resolve.reading(catalog, word, project)
        return None
    except (NotFoundError, UsageError):
        pass  # no version: it may be a run
    try:
        return run(catalog, word, project, active, states)
    except NotFoundError as error:
        if error.slug == "no-such-run":
            return None
        raise


def _found(register: Register, word: str, project: str, states: Sequence[str]) -> Run | None:
    runs = register.runs(states=states)
    own = [run for run in runs if run.project == project]
    if back := _BACK.fullmatch(word):
        among = own or runs
        return among[-int(back[1])] if int(back[1]) <= len(among) else None
    if word.endswith(_LATEST):
        type = word.removesuffix(_LATEST)
        found = [run for run in own or runs if run.job_type == type] or [run for run in runs if run.job_type == type]
    else:
        found = [run for run in own if run.name == word] or [run for run in runs if run.name == word]
    if found:
        return found[-1]
    begun = [run for run in runs if run.id.startswith(word)] if len(word) >= PREFIX else []
    if len(begun) > 1:
        facts = [f"{run.id}  {run.name}" for run in begun[:10]]
        hint = f"art run show {begun[-1].id}"
        raise ConflictError("ambiguous-run", f"'{word}' begins the ids of {len(begun)} runs", facts=facts, hint=hint)
    return begun[0] if begun else None


def _in(found: Run, states: Sequence[str]) -> Run:
    if found.state in states:
        return found
    if found.state == TRASH:
        raise NotFoundError(
            "run-deleted", f"run '{found.name}' is in the trash: {found.id}", hint=f"art restore run:{found.id}"
        )
    if found.state == PURGED:
        raise NotFoundError("run-purged", f"run '{found.name}' was deleted and is gone: {found.id}", hint="art runs")
    raise NotFoundError("no-such-run", f"run '{found.name}' is not in the trash: {found.id}", hint="art runs")


def _missing(register: Register, word: str, project: str) -> NotFoundError:
    runs = register.runs()
    own = [run for run in runs if run.project == project]
    facts = [f"project: {project}   runs: {len(own)}" + (f", in all projects {len(runs)}" if own != runs else "")]
    words = [run.name for run in runs] + [f"{run.job_type}{_LATEST}" for run in runs if run.job_type]
    guess = resolve.nearest(word, [*dict.fromkeys(words), *(run.id for run in runs)])
    if guess:
        facts.append(f"did you mean '{guess}'?")
    hint = f"art run show {guess}" if guess else "art runs"
    return NotFoundError("no-such-run", f"no run '{word}'", facts=facts, hint=hint)
