"""`init`: a run begins, goes on, or is joined.

in a run of `art run --` (ART_RUN_ID)   the first `init` of the process joins that run, and never ends it
id or resume                            the run that is there goes on, as `resume` says
else                                    a new run, in the repository of the working directory or above it;
                                        if there is none, one is made in the working directory
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artcli.catalog import spec
from artcli.catalog.facts import this_machine
from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.owners import is_alive, this_process
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.register import Run as Known
from artcli.catalog.runs.view import view
from artcli.errors import ConflictError, NotFoundError, UsageError
from artcli.flows.runs import active, mask
from artcli.flows.runs.recorder import Beginning, Recorder
from artcli.sdk import current, naming, noticing, sharing
from artcli.sdk.config import parse
from artcli.sdk.recording import About, Live, Memory, about_run
from artcli.sdk.run import Run
from artcli.sdk.settings import Settings, check, from_environment
from artcli.sdk.voice import say, warn
from artcli.settings import FALSE, find_repository
from artcli.settings import Settings as Configured

REINIT = ("default", "return_previous", "finish_previous", "create_new")
_joined: set[str] = set()


def init(
    entity: str | None = None, project: str | None = None, dir: str | os.PathLike[str] | None = None,
    id: str | None = None, name: str | None = None, notes: str | None = None, tags: Sequence[str] | str | None = None,
    config: Any = None, config_exclude_keys: Sequence[str] | None = None,
    config_include_keys: Sequence[str] | None = None, allow_val_change: bool | None = None, group: str | None = None,
    job_type: str | None = None, mode: str | None = None, force: bool | None = None, anonymous: Any = None,
    reinit: bool | str | None = None, resume: bool | str | None = None, resume_from: str | None = None,
    fork_from: str | None = None, save_code: bool | None = None, tensorboard: bool | None = None,
    sync_tensorboard: bool | None = None, monitor_gym: bool | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
) -> Run:  # fmt: skip
    """Begin a run, which `artcli.run` is then; `with` ends it.

    `dir`: where `.art` is looked for, upwards, and made if there is none; the working directory by default.
    `resume`: "must" (the run `id` is there), "never" (it is not), "allow" (either), "auto" or True (the last run of
    this project and job type on this machine, if it did not come to its end). `mode="disabled"`: nothing is recorded.
    `reinit`: what to do while a run is open: "return_previous" (default), "finish_previous" (default in a notebook) or
    True, "create_new".
    `save_code=False`: the script is not kept, nor what was not committed. `force`, `anonymous` mean nothing without a
    server.

    Raises `UsageError`, `ConflictError` (`run-exists`, `run-lives`), `NotFoundError` (`no-such-run`); `SpaceError`.
    """
    reinit = Settings().over(settings).reinit if reinit is None else reinit
    if reinit not in (None, True, False, *REINIT):
        raise UsageError("bad-reinit", f"reinit is {', '.join(REINIT)}, not {reinit!r}", hint="art help bad-reinit")
    if resume_from or fork_from:
        raise UsageError("no-rewind", "a run cannot begin in the middle of another one", hint="art help no-rewind")
    if tensorboard or sync_tensorboard or monitor_gym:
        warn("what TensorBoard and gym write is not recorded")
    previous = current.current()
    if previous is not None and not _makes_way(reinit):
        say(f"run {previous.name} is open and init() gives it again; reinit='finish_previous' begins another one")
        return previous
    given = Settings(
        entity=entity, project=project, dir=dir, id=id, name=name, notes=notes, tags=tags, group=group,
        job_type=job_type, mode=mode, resume=resume, disable_code=True if save_code is False else None,
    )  # fmt: skip
    wish = check(given.over(settings).over(from_environment()))
    own = parse(config, config_exclude_keys, config_include_keys)
    run = _disabled(wish) if wish.mode == "disabled" else _begin(wish)
    current.remember(run, current=reinit != "create_new" or previous is None)
    if own:
        run.config.update(own, allow_val_change=allow_val_change or len(run.config) > 0)
    return run


def _makes_way(reinit: bool | str | None) -> bool:
    """Whether another run may begin now; ends those that are in its way."""
    if reinit in (None, "default") and _is_notebook():
        reinit = "finish_previous"
    if reinit is True or reinit == "finish_previous":
        current.finish_all()
    return reinit is True or reinit in ("finish_previous", "create_new")


def _is_notebook() -> bool:
    """Whether cells are run: the run of a cell that is run again is the old one, and over."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "terminal" not in type(shell).__module__


def _disabled(wish: Settings) -> Run:
    id = wish.id or os.urandom(4).hex()
    about = About(id, wish.project or "disabled", wish.name or f"disabled-{id}", wish.job_type, wish.group, wish.notes)
    about.tags, about.start = tuple(wish.tags), time.time()
    return Run(Memory(about), wish, active.overrides(), {})


def _begin(wish: Settings) -> Run:
    outer = active.active_run()
    if outer is not None and outer not in _joined:
        _joined.add(outer)
        return _join(outer, wish)
    repository, told = _repository(wish), wish.project
    wish = _with_project(wish, repository)
    known = _known(repository, wish)
    if known is not None and told and known.project != wish.project:
        raise ConflictError(
            "run-exists", f"there is a run '{known.id}' of project {known.project}, and none of {wish.project}",
            hint=f"art run show {known.id}",
        )  # fmt: skip
    beginning = Beginning(
        project=wish.project, name=wish.name, job_type=wish.job_type, group=wish.group, notes=wish.notes,
        tags=wish.tags, recorded={"argv": mask.arguments(noticing.words_of_command()), "cwd": os.getcwd()},
        id=known.id if known else wish.id, owner=this_process(),
    )  # fmt: skip
    if known is None:
        recorder, said = Recorder.begin(repository, beginning), None
    else:
        said = view(repository, known.id).said
        recorder = Recorder.resume(repository, known.id, beginning)
    about = about_run(repository, recorder.run, said.next if said else 0, resumed=known is not None)
    live = Live(recorder, about, said, owns=True)
    if known is not None:
        _rename(live, wish)
    run = Run(live, wish, active.overrides(), said.settings if said else {})
    say(f"run {about.name} of {about.project}{' goes on' if known else ''}: art run show {about.id}")
    if (page := sharing.page(repository, about.id)) is not None:
        say(f"its page: {page}")
    noticing.notice(live, wish)
    if str(wish.console or "on").lower() not in ("off", *FALSE):
        run._hears = True
        live.listen()
    return run


def _rename(live: Live, wish: Settings) -> None:
    """A run that goes on is called what `init` says now; what it says nothing of stays."""
    for field in ("name", "job_type", "group", "notes"):
        if (wanted := getattr(wish, field)) and wanted != getattr(live.about, field):
            live.edit(field, wanted)
    if wish.tags and set(wish.tags) != set(live.about.tags):
        live.tag(wish.tags)


def _join(outer: str, wish: Settings) -> Run:
    """The run of `art run`: it records the console and the machine, and it ends the run."""
    repository = Repository.open(Path.cwd(), find_repository(Path.cwd()))
    recorder = Recorder.attach(repository, outer)
    said = view(repository, outer).said
    about = about_run(repository, outer, said.next)
    live = Live(recorder, about, said, owns=False)
    other = [field for field in ("project", "name") if getattr(wish, field) not in (None, getattr(about, field))]
    if other:
        say(f"run {about.name} of {about.project}, which art run began; the {' and '.join(other)} of init is not taken")
    for field in ("job_type", "group", "notes"):
        if getattr(wish, field) and not getattr(about, field):
            live.edit(field, getattr(wish, field))
    if set(wish.tags) - set(about.tags):
        live.tag([*about.tags, *map(naming.tag, wish.tags)])
    return Run(live, wish, active.overrides(), said.settings)


def _repository(wish: Settings) -> Repository:
    start = Path(wish.dir or ".").absolute()
    found = find_repository(start)
    if found is None:
        start.mkdir(parents=True, exist_ok=True)
        made, _ = Repository.init(start)
        made.close()
        found = made.path
        say(f"made a repository: {found}")
    sharing.join(found, wish.mode)
    return Repository.open(start, found)


def _with_project(wish: Settings, repository: Repository) -> Settings:
    project = wish.project or Configured(repository=repository.path).text("project")
    return Settings(project=naming.project(str(project)), tags=[naming.tag(tag) for tag in wish.tags]).over(wish)


def _known(repository: Repository, wish: Settings) -> Known | None:
    """The run that is to go on; None for a new one."""
    register = Register(repository.follower.database)
    if wish.resume == "auto" and not wish.id:
        return _unfinished(repository, wish)
    known = register.run(spec.check_run(wish.id)) if wish.id else None
    if known is None:
        if wish.resume == "must":
            what = f"no run '{wish.id}'" if wish.id else "no id is given, so there is no run"
            raise NotFoundError("no-such-run", f"{what} that could go on", hint="art runs")
        return None
    if known.state != "live":
        raise ConflictError("run-exists", f"run '{known.id}' was deleted", hint=f"art restore {known.id}")
    if wish.resume in (None, "never"):
        raise ConflictError(
            "run-exists", f"there is a run '{known.id}' already",
            facts=["init(…, resume='allow') goes on with it"], hint=f"art run show {known.id}",
        )  # fmt: skip
    spool = journal.spool_of(repository, known.id)
    owner = spool.head.owner if spool is not None else None
    if known.outcome is None and owner is not None and is_alive(owner) and owner.pid != os.getpid():
        raise ConflictError("run-lives", f"run '{known.id}' is going on in process {owner.pid}", hint="art runs")
    return known


def _unfinished(repository: Repository, wish: Settings) -> Known | None:
    """The last run of this project and job type on this machine, if it did not come to its end."""
    machine = this_machine()
    for run in reversed(Register(repository.follower.database).runs(wish.project)):
        if run.machine == machine and run.job_type == wish.job_type:
            spool = journal.spool_of(repository, run.id)
            owner = spool.head.owner if spool is not None else None
            lives = run.outcome is None and owner is not None and is_alive(owner)
            return None if lives or run.outcome == "finished" else run
    return None
