"""What `art run` does besides reading its options."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from artcli.cli import recording, values
from artcli.cli.console import Console
from artcli.cli.failures import translated
from artcli.cli.formatting import Schema
from artcli.cli.pushing import push_after_run
from artcli.errors import ArtError, ConflictError, NoRepositoryError, NotFoundError, UsageError
from artcli.flows import joining
from artcli.flows.runs import active
from artcli.flows.runs.begin import Gathering, Wish, begin, caller
from artcli.flows.runs.recorder import Beginning

if TYPE_CHECKING:
    from artcli.catalog.repository import Repository
    from artcli.flows.runs.wrap import Ended, Made, Used

PRINTED = ("id", "env")
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_OPTION = re.compile(r"(type|alias|on)=([^,]*)")


class _Unfit(ArtError):
    exit_code = 126


class _NoCommand(ArtError):
    exit_code = 127


def run(
    console: Console, wanted: Callable[[], Wish], cmd: Sequence[str], uses: Sequence[str], uris: Sequence[str],
    logs: Sequence[str], system_metrics: str, no_capture: bool, strict: bool, as_wandb: bool,
) -> None:  # fmt: skip
    """Run a command; ends with its exit code, or as it ended."""
    from artcli.flows.runs import wrap

    behind = console.arguments[console.arguments.index("--") + 1 :]
    if not cmd or list(cmd) != behind:
        raise UsageError("no-command", "say behind -- what to run", hint="art run -- python train.py")
    if as_wandb:
        os.environ.update(active.with_wandb(os.environ))
    if active.is_disabled():
        _unrecorded(console, cmd)
    try:
        wish = wanted()
        job = wrap.Job(
            cmd, wish, Path.cwd(), [_used(word) for word in uses], uris, [_made(word) for word in logs],
            _seconds(system_metrics), not no_capture, strict, as_wandb, workers=console.jobs,
        )  # fmt: skip
        repository = _opened(console, None if strict or uses else cmd)
        ended = wrap.wrap(repository, job, console.progress, lambda run: _began(console, run, beginning_of(wish)))
    except wrap.CannotStart as failure:
        raise _not_started(console, failure.code, failure.message) from None
    except (ArtError, OSError) as error:
        console.error(translated(error))
        raise typer.Exit(wrap.NOT_STARTED) from None
    _told_end(console, ended)
    push_after_run(console)
    _told_page(console, ended.run)
    code = ended.ending.code
    if ended.problem is not None:
        word = "interrupted" if isinstance(ended.problem, KeyboardInterrupt) else type(ended.problem).__name__
        console.warn(f"not all is recorded: {str(ended.problem) or word.lower()}")
        code = code or (getattr(ended.problem, "exit_code", 1) if strict else 0)
    if (number := _death(ended)) is not None:
        console.die(number)
    raise typer.Exit(code)


def _death(ended: Ended) -> int | None:
    """The signal of which we die: the command's, or one that came for us when the command had ended well.

    Else a shell's loop over commands would go on after Ctrl-C, with what the command made perhaps not logged.
    """
    if ended.ending.signal is not None or ended.problem is None or isinstance(ended.problem, Exception):
        return ended.ending.signal or ended.stop
    return signal.SIGINT if isinstance(ended.problem, KeyboardInterrupt) else signal.SIGTERM


def beginning_of(wish: Wish) -> str:
    """What is said of a run that begins."""
    return "goes on" if wish.resume else "began"


def _began(console: Console, run: str, word: str) -> None:
    found = item(console, run)
    console.say(f"{found['name']}  {word}  {run}")


def _told_end(console: Console, ended: Ended) -> None:
    for logged in ended.logged:
        if logged.version is not None:
            console.say(f"{logged.version.ref}  {'logged' if logged.created else 'is the same as before'}")
    if ended.run is not None:
        found = item(console, ended.run)
        console.say(f"{found['name']}  {found['outcome'] or 'not ended'}  art run show {ended.run}")


def _told_page(console: Console, run: str | None) -> None:
    """Where the run is seen in a browser, if its repository has a server."""
    from artcli.catalog.runs.register import Register
    from artcli.flows.runs import address

    repository = console.repository()
    repository.refresh()
    known = Register(repository.follower.database).run(run) if run is not None else None
    if known is not None and (page := address.page(repository, known)) is not None:
        console.say(f"its page: {page}")


def _opened(console: Console, cmd: Sequence[str] | None) -> Repository:
    """The repository; if there is one that cannot be opened, `cmd` runs unrecorded, and this does not return."""
    try:
        return console.repository()
    except NoRepositoryError:
        if not joining.is_wanted():
            raise
        return _joined(console)
    except UsageError:
        raise
    except (ArtError, OSError) as error:
        if cmd is None:
            raise
        console.warn(f"nothing is recorded: {translated(error).message}")
        _unrecorded(console, cmd)


def _joined(console: Console) -> Repository:
    """A repository made here, for a machine that has nothing but ART_REMOTE."""
    from artcli.catalog.repository import Repository

    made, _ = Repository.init(Path.cwd())
    made.close()
    console.say(f"repository made: {made.path}")
    try:
        console.say(f"joined {joining.join(made.path)}")
    except (ArtError, OSError) as error:
        console.warn(f"{translated(error).message}; what is logged waits here")
    console.look_again()
    return console.repository()


def _not_started(console: Console, code: int, message: str) -> typer.Exit:
    console.error(_NoCommand("no-such-command", message) if code == 127 else _Unfit("not-executable", message))
    return typer.Exit(code)


def _unrecorded(console: Console, cmd: Sequence[str]) -> NoReturn:
    """Become the command."""
    console.out.flush()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored stays so
    try:
        os.execvp(cmd[0], list(cmd))
    except OSError as error:
        code = 127 if isinstance(error, FileNotFoundError) else 126
        raise _not_started(console, code, f"{cmd[0]}: {(error.strerror or str(error)).lower()}") from None


def _used(word: str) -> Used:
    from artcli.flows.runs.wrap import Used, variable_of

    ref, equals, variable = word.partition("=")
    variable = variable if equals else variable_of(ref)
    if not _VARIABLE.fullmatch(variable):
        raise UsageError("bad-variable", f"no name of a variable: '{variable}'", hint=f"art run --use {ref}=DATA -- ls")
    return Used(ref, variable)


def _made(word: str) -> Made:
    """`NAME=PATH[,type=T][,alias=A]…[,on=always]`; commas that no option follows belong to the path."""
    from artcli.flows.runs.wrap import Made

    form, hint = "NAME=PATH[,on=always]", "art run --help"
    name, path = recording.pair(word, form, hint)
    options: dict[str, list[str]] = {"type": [], "alias": [], "on": []}
    while "," in path and (found := _OPTION.fullmatch(path[path.rindex(",") + 1 :])):
        options[found[1]].insert(0, found[2])
        path = path[: path.rindex(",")]
    if not path or any(on not in ("always", "success") for on in options["on"]):
        raise UsageError("bad-value", f"not {form}: {word!r}", hint=hint)
    return Made(
        name, path, options["type"][-1] if options["type"] else None, options["alias"], "always" in options["on"]
    )


def _seconds(text: str) -> float | None:
    from artcli.catalog import moments

    if text in ("off", "0"):
        return None
    number = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else -moments.parse(text, 0.0)
    return max(1.0, number)


def wish(
    console: Console, job_type: str | None, name: str | None, group: str | None, tags: Sequence[str] | None,
    notes: str | None, config: Sequence[str] | None, resume: str | None, use_git: bool, env_allow: Sequence[str] | None,
) -> Wish:  # fmt: skip
    """What the options, and the environment where they are silent, want a run to be."""
    environ = os.environ
    if not active.are_overrides_readable(environ):
        console.warn(f"{active.OVERRIDES} is passed over: it is no JSON object")
    beginning = Beginning(
        project=console.project,
        name=name or environ.get("ART_RUN_NAME") or None,
        job_type=job_type or environ.get("ART_JOB_TYPE") or None,
        group=group or environ.get("ART_RUN_GROUP") or None,
        notes=notes,
        tags=tags or (),
        config={**active.overrides(), **values.pairs(config or ())},
    )
    return Wish(beginning, resume, use_git, env_allow or ())


def start(console: Console, wish: Wish, pid: int | None) -> tuple[dict[str, Any], dict[str, str]] | None:
    """Begin a run for a shell script; its item, and the variables that tell others of it. None: nothing is recorded."""
    from artcli.catalog.runs.spool import this_process

    if active.is_disabled():
        return None
    owner = this_process(pid) if pid is not None else None
    if pid is not None and owner is None:
        raise NotFoundError("no-such-process", f"no process {pid}", hint="art run start --pid $$")
    gathering = Gathering(caller(), Path.cwd(), wish)
    repository = console.repository()
    recorder = begin(repository, wish, gathering.done(), owner)
    return item(console, recorder.run), active.environment(recorder.run, repository.path, wish.beginning.config)


def told(
    console: Console, schema: Schema, found: Mapping[str, Any], environment: Mapping[str, str], show: str, word: str
) -> None:
    """Print the id of a run, or the lines of shell that set its variables."""
    if show not in PRINTED:
        raise UsageError("bad-value", f"--print is id or env, not '{show}'", hint="art run start --print env")
    receipt = f"{found['name']}  {word}"
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
    import time

    from artcli.flows.runs.choose import choose
    from artcli.flows.runs.ending import outcome_of
    from artcli.flows.runs.metrics import Voice
    from artcli.flows.runs.recorder import Recorder

    if active.is_disabled():
        return None
    if (exit_code is not None) + failed + aborted > 1:
        raise UsageError("bad-usage", "one of --exit-code, --failed and --aborted", hint="art run finish --help")
    repository = console.repository()
    run = choose(repository, recording.named(word), console.project)
    outcome = "failed" if failed else "killed" if aborted else outcome_of(exit_code or 0)
    if run.outcome not in (None, "crashed", outcome):
        raise ConflictError(
            "run-over", f"run '{run.name}' is over: {run.outcome}", hint=f"art run start --resume {run.id}"
        )  # fmt: skip
    pairs = (recording.pair(word, hint="art run finish --summary loss=0.3") for word in summary)
    said = {key: values.metric(text) for key, text in pairs}
    if run.outcome == outcome and exit_code in (None, run.exit):  # it ended so already, and when it did is known
        if said:
            Voice(repository.path, run.id, console.project).set("summary", said, time.time())
        return item(console, run.id)
    recorder = Recorder.attach(repository, run.id)
    if said:
        recorder.set("summary", said)
    recorder.finish(outcome, exit_code)
    return item(console, run.id)


def values_of(console: Console, kind: str, pairs: Sequence[str], word: str | None, schema: Schema) -> None:
    """Set keys of a run's config or summary, in silence but for those who want items; else print all of them."""
    import time

    if active.is_disabled():
        return
    run = recording.named(word)
    if pairs:
        from artcli.flows.runs import mask
        from artcli.flows.runs.metrics import Voice

        given = values.pairs(pairs)
        voice = Voice(recording.folder(console), run, console.project)
        kept = mask.settings(given) if kind == "config" else given
        voice.set(kind, kept, time.time())
        if console.flags.want_items:
            console.rows(schema, ({"key": key, "value": value} for key, value in kept.items()))
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
