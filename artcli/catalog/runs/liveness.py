"""Whether runs live: what the log says of their end, and where it says nothing, what this machine can tell.

A run whose owner is a process of this machine lives as long as that. One without such an owner (begun by a shell that
went on, or on another machine) is given up after five minutes in which nothing was heard of it, by this machine's
clock: its spool's files and the log entries that came here are dated by that. It is a judgement and no fact, so the
next that is heard of the run makes it live again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from artcli.catalog.log import entry_key
from artcli.catalog.repository import Repository
from artcli.catalog.runs.journal import spool_root
from artcli.catalog.runs.owners import ALIVE, GONE, UNKNOWN, standing
from artcli.catalog.runs.register import Register, Run
from artcli.catalog.runs.spool import Spool, spools

RUNNING, FINISHED, FAILED, KILLED, CRASHED = "running", "finished", "failed", "killed", "crashed"
LEFT_ALONE = 3600.0
"""Seconds of silence after which the spool of a run whose owner is not known is sealed by whoever comes."""
SILENCE = 300.0
"""Seconds after which a run of which nothing is heard, and whose owner is not known, has crashed."""


def outcome(repository: Repository, run: Run, now: float | None = None) -> str:
    """`running`, `finished`, `failed`, `killed` or `crashed`, by the log as it was last followed.

    `now`: seconds since 1970, instead of the clock's.
    """
    return outcomes(repository, [run], now)[run.id]


def outcomes(repository: Repository, runs: Iterable[Run], now: float | None = None) -> dict[str, str]:
    """The outcome of each run by its id; what is over for certain costs nothing."""
    now = time.time() if now is None else now
    here = {spool.folder.name: spool for spool in spools(spool_root(repository))}
    register = Register(repository.follower.database)
    found = {}
    for run in runs:
        if run.outcome is not None and run.outcome != CRASHED:
            found[run.id] = run.outcome
        else:
            found[run.id] = RUNNING if _lives(repository, register, run, here.get(run.id), now) else CRASHED
    return found


def needs_care(repository: Repository) -> bool:
    """Whether there are spools that nobody else will seal."""
    return any(is_abandoned(spool) for spool in spools(spool_root(repository)))


def is_abandoned(spool: Spool) -> bool:
    """Whether the spool's owner is gone, or nobody is known to own it and it has been left alone with what it holds."""
    try:
        owner = spool.head.owner
        stands = standing(owner) if owner else UNKNOWN
        if stands != UNKNOWN:
            return stands == GONE
        return time.time() - spool.last_sign() > LEFT_ALONE and bool(spool.unsealed().parts)
    except OSError:
        return False  # sealed and cleared away this moment, or not ours to read


def _lives(repository: Repository, register: Register, run: Run, spool: Spool | None, now: float) -> bool:
    heard = None
    if spool is not None:
        try:
            owner = spool.head.owner
            stands = standing(owner) if owner else UNKNOWN
            if stands != UNKNOWN:
                return stands == ALIVE
            heard = spool.last_sign()
        except FileNotFoundError:
            pass  # sealed and cleared away this moment
    if heard is None:
        heard = _entry_time(repository, register, run)
    return heard is not None and abs(now - heard) < SILENCE


def _entry_time(repository: Repository, register: Register, run: Run) -> float | None:
    """When this repository got the newest log entry in which the run gave a sign of life; None after its last."""
    sign = register.last_sign(run.id)
    if sign is None or sign.kind == "finish":
        return None
    try:
        return (repository.path / entry_key(sign.n)).stat().st_mtime
    except OSError:
        return None  # so old that it is kept only together with others
