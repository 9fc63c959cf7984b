"""What the facts of a log entry need of a token, judged by kind and by what they do here.

Reading < writing < admin. Who may write can add to the history and move what is meant to be moved; what takes something
away for others, or decides on what is kept, needs admin, and so does a kind that this program does not know: it cannot
tell what that would do.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from artcli.catalog import facts
from artcli.catalog.facts import Fact
from artcli.web.answers import Refused
from artcli.web.guard import ADMIN, WRITE, Bearer

_WRITERS = frozenset({
    "version", "alias", "unalias", "tag", "untag", "edit", "restore", "index",
    "run", "resume", "finish", "segment", "input", "output",
})  # fmt: skip

Protected = frozenset[tuple[int, str, str]]


class Made(NamedTuple):
    """A fact that an entry adds, with what it is about."""

    fact: Fact
    applied: bool
    fault: str | None
    """Why it means nothing: its data is not what its kind needs."""
    project: str | None


def made_by(database: sqlite3.Connection, n: int) -> list[Made]:
    """The facts of entry `n` that were not known before it, in order; a known one has no effect and needs no right."""
    rows = database.execute(
        "SELECT line, applied, fault, (SELECT project FROM artifacts a WHERE a.id = f.artifact),"
        " (SELECT project FROM runs r WHERE r.id = f.run) FROM facts f WHERE own AND n = ? ORDER BY seq",
        (n,),
    )
    return [
        Made(facts.parse(line), bool(applied), fault, of_artifact if of_artifact is not None else of_run)
        for line, applied, fault, of_artifact, of_run in rows
    ]


def protected(database: sqlite3.Connection) -> Protected:
    """The protected aliases: artifact, alias, version."""
    return frozenset(database.execute("SELECT artifact, alias, version FROM aliases WHERE protected"))


def check(made: list[Made], bearer: Bearer, before: Protected, after: Protected) -> None:
    """Raise `Refused` (403, 422) unless the bearer may add these facts.

    Those that mean nothing are carried along everywhere, and begin nowhere: an admin may bring such a history.
    """
    for one in made:
        if one.fault is not None and bearer.scope < ADMIN:
            raise Refused(
                422, "unfit-fact", f"a fact of kind '{one.fact.kind}' ({one.fact.id}) means nothing: {one.fault}"
            )
        if _scope(one.fact) > bearer.scope:
            raise Refused(
                403, "scope-too-small", f"a fact of kind '{one.fact.kind}' ({one.fact.id}) needs a token of scope admin"
            )
        if bearer.project is not None and one.fact.kind != "index" and one.project != bearer.project:
            raise Refused(
                403, "another-project",
                f"a fact of kind '{one.fact.kind}' ({one.fact.id}) is not about project {bearer.project},"
                " to which the token is bound",
            )  # fmt: skip
    if bearer.scope < ADMIN and not before <= after:
        _, alias, version = min(before - after)
        raise Refused(
            403, "scope-too-small", f"the protected alias '{alias}' of version {version} is moved: that needs admin"
        )


def _scope(fact: Fact) -> int:
    if fact.required or fact.kind not in _WRITERS:
        return ADMIN
    if fact.kind == "edit" and fact.data.get("field") == "keep_last":
        return ADMIN
    return WRITE
