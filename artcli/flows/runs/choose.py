"""Which run of a repository a word means; `catalog.runs.resolve` says how words mean runs."""

from __future__ import annotations

from artcli.catalog.repository import Repository
from artcli.catalog.runs import resolve
from artcli.catalog.runs.register import Run
from artcli.flows.runs.active import active_run


def choose(repository: Repository, word: str, project: str = "") -> Run:
    """The live run that `word` means; raises `NotFoundError` (`no-such-run`), `ConflictError` (`ambiguous-run`)."""
    return resolve.run(repository.catalog, word, project, active_run())
