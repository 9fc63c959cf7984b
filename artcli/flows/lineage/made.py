"""The run that made a version, and those that used it: as much of `why` as the card of a version has room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from artcli.catalog.catalog import Version
from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register, Run


class Made(NamedTuple):
    run: Run | None
    """The live run that logged it first."""
    config: Mapping[str, Any]
    """Of that run."""
    used_by: Sequence[Run]
    """Live runs that used it, oldest first."""


def made(repository: Repository, version: Version) -> Made:
    """What runs have to do with a version."""
    register = Register(repository.follower.database)
    makers = register.producers(version.id)
    if not makers:
        return Made(None, {}, register.users(version.id))
    from artcli.catalog.runs.view import view  # which costs as much as all the rest of `art show`

    return Made(makers[0], view(repository, makers[0].id).config, register.users(version.id))
