"""What `art run` does besides reading its options."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from artcli.cli import recording, values
from artcli.cli.console import Console
from artcli.cli.formatting import Schema
from artcli.errors import NotFoundError, UsageError
from artcli.flows.runs import active
from artcli.flows.runs.begin import Gathering, Wish, begin, caller

PRINTED = ("id", "env")


def wish(
    console: Console, job_type: str | None, name: str | None, group: str | None, tags: Sequence[str] | None,
    notes: str | None, config: Sequence[str] | None, resume: str | None, use_git: bool, env_allow: Sequence[str] | None,
) -> Wish:  # fmt: skip
    """What the options, and the environment where they are silent, want a run to be."""
    environ = os.environ
    return Wish(
        project=console.project,
        name=name or environ.get("ART_RUN_NAME") or None,
        job_type=job_type or environ.get("ART_JOB_TYPE") or None,
        group=group or environ.get("ART_RUN_GROUP") or None,
        notes=notes,
        tags=tags or (),
        config={**active.overrides(), **values.pairs(config or ())},
        resume=resume,
        use_git=use_git,
        env_allow=env_allow or (),
    )


def start(console: Console, wish: Wish, pid: int | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Begin a run for a shell script; its item, and the variables that tell others of it."""
    from artcli.catalog.runs.spool import this_process

    owner = this_process(pid) if pid is not None else None
    if pid is not None and owner is None:
        raise NotFoundError("no-such-process", f"no process {pid}", hint="art run start --pid $$")
    gathering = Gathering(caller(), Path.cwd(), wish)
    repository = console.repository()
    recorder = begin(repository, wish, gathering.done(), owner)
    return item(console, recorder.run), active.environment(recorder.run, repository.path, wish.config)


def told(console: Console, schema: Schema, found: Mapping[str, Any], environment: Mapping[str, str], show: str) -> None:
    """Print the id of a run, or the lines of shell that set its variables."""
    if show not in PRINTED:
        raise UsageError("bad-value", f"--print is id or env, not '{show}'", hint="art run start --print env")
    receipt = f"{found['name']}  began"
    if show == "env" and not console.flags.json:
        for name, value in environment.items():
            console.line(f"export {name}={quote(value)}")
        console.say(receipt)
    else:
        console.record(schema, found, receipt=receipt)


def finish(
    console: Console, word: str | None, exit_code: int | None, failed: bool, aborted: bool, summary: Sequence[str]
) -> dict[str, Any] | None:
    """End a run; its item, or None where nothing is recorded."""
    from artcli.flows.runs.choose import choose
    from artcli.flows.runs.ending import outcome_of
    from artcli.flows.runs.recorder import Recorder

    if active.is_disabled():
        return None
    if (exit_code is not None) + failed + aborted > 1:
        raise UsageError("bad-usage", "one of --exit-code, --failed and --aborted", hint="art run finish --help")
    repository = console.repository()
    run = choose(repository, recording.named(word), console.project)
    recorder = Recorder.attach(repository, run.id)
    if summary:
        recorder.set("summary", {key: values.metric(text) for key, text in map(recording.pair, summary)})
    outcome = "failed" if failed else "killed" if aborted else outcome_of(exit_code or 0)
    recorder.finish(outcome, exit_code)
    return item(console, run.id)


def values_of(console: Console, kind: str, pairs: Sequence[str], word: str | None, schema: Schema) -> None:
    """Set keys of a run's config or summary; print all of them if none are given."""
    import time

    if active.is_disabled():
        return
    run = recording.named(word)
    if pairs:
        from artcli.flows.runs import mask
        from artcli.flows.runs.metrics import Voice

        given = values.pairs(pairs)
        voice = Voice(recording.folder(console), run, console.project)
        voice.set(kind, mask.settings(given) if kind == "config" else given, time.time())
        return
    from artcli.catalog.runs.view import view
    from artcli.flows.runs.choose import choose

    repository = console.repository()
    seen = view(repository, choose(repository, run, console.project).id)
    found = seen.config if kind == "config" else seen.summary
    console.rows(schema, ({"key": key, "value": value} for key, value in sorted(found.items())))


def item(console: Console, run: str) -> dict[str, Any]:
    """A run as the commands that begin and end it show it."""
    from artcli.catalog.runs.register import Register

    known = Register(console.repository().follower.database).run(run)
    assert known is not None
    found = {"name": known.name, "project": known.project, "outcome": known.outcome, "exit": known.exit}
    return {"run": known.id, **found}
