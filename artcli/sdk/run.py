"""A run as a program has it in hand: what it says goes to a `Recording`, which a disabled run keeps in memory alone."""

from __future__ import annotations

import operator
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from artcli.errors import UsageError
from artcli.flows.runs import mask
from artcli.sdk import saving
from artcli.sdk.buffer import warn_of_step
from artcli.sdk.config import Config
from artcli.sdk.metric import Axes, Metric, definition
from artcli.sdk.settings import Settings
from artcli.sdk.summary import Summary
from artcli.sdk.values import SCALARS, VALUE_SIZE, plain, weight
from artcli.sdk.voice import say

if TYPE_CHECKING:
    from artcli.sdk.recording import Recording

ROW_SIZE = 120
"""Bytes that a row takes in memory beside its values, about."""


class Run:
    """What `init` gives. `with` ends it: an exception marks it failed, and goes on."""

    def __init__(
        self, recording: Recording, settings: Settings, outside: Mapping[str, Any], config: Mapping[str, Any]
    ) -> None:
        """`outside`: settings that win over the program's own; `config`: what was set before."""
        self._recording = recording
        self._config = Config(self._set_config, outside)
        self._config._begin(config)
        about = recording.about
        self._settings = Settings(id=about.id, name=about.name, project=about.project).over(settings)
        self._summary = Summary(recording.summary, self._set_summary)
        self._axes = Axes()
        self._watched: list[Any] = []
        self._waiting: dict[str, Any] = {}
        """Values that go into the next row."""
        self._finished = False
        self._hears = False
        """Whether what the program prints is recorded."""

    # --- what it is ---

    @property
    def id(self) -> str:
        return self._recording.about.id

    @property
    def name(self) -> str:
        return self._recording.about.name

    @name.setter
    def name(self, name: str) -> None:
        self._alive("name")
        if not isinstance(name, str):
            raise TypeError(f"the name of a run is a text, not {name!r}")
        self._recording.edit("name", name)

    @property
    def notes(self) -> str | None:
        return self._recording.about.notes

    @notes.setter
    def notes(self, notes: str | None) -> None:
        self._alive("notes")
        self._recording.edit("notes", notes)

    @property
    def tags(self) -> tuple[str, ...]:
        return self._recording.about.tags

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._alive("tags")
        self._recording.tag([tags] if isinstance(tags, str) else list(tags))

    @property
    def project(self) -> str:
        return self._recording.about.project

    def project_name(self) -> str:
        return self.project

    @property
    def entity(self) -> str:
        """As given; artifacts and runs are found without it."""
        return self._settings.entity or ""

    @property
    def path(self) -> str:
        return "/".join(part for part in (self.entity, self.project, self.id) if part)

    @property
    def group(self) -> str:
        return self._recording.about.group or ""

    @property
    def job_type(self) -> str:
        return self._recording.about.job_type or ""

    @property
    def url(self) -> str | None:
        """The address of its page, if the remote is a server; the page is there once the run is pushed."""
        from artcli.flows.runs import address
        from artcli.sdk import place

        found = place.of_run(self)
        return None if found is None else address.of(found, self.project, self.id)

    @property
    def dir(self) -> str:
        """A directory whose files are kept with the run when it ends."""
        return str(self._recording.directory())

    @property
    def start_time(self) -> float:
        """Seconds since 1970."""
        return self._recording.about.start

    @property
    def starting_step(self) -> int:
        return self._recording.about.step

    @property
    def step(self) -> int:
        """The step of the next row, as far as this process knows."""
        return self._recording.step

    @property
    def resumed(self) -> bool:
        return self._recording.about.resumed

    @property
    def offline(self) -> bool:
        """Whether it needs no server; so it is with every run that is recorded."""
        return not self.disabled

    @property
    def disabled(self) -> bool:
        return self._recording.disabled

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def config(self) -> Config:
        return self._config

    @property
    def summary(self) -> Summary:
        return self._summary

    def __repr__(self) -> str:
        return f"<artcli.Run {self.name} {self.path}>"

    # --- what it says ---

    def log(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None, sync: bool | None = None
    ) -> None:
        """Log a row of metrics, or with `commit=False` or a `step` a part of one.

        Rows of one step are one row. Without `step` the row is whole and the next one gets the next step; a step that
        is over is dropped, with a warning. Takes microseconds and does not wait for the disk; `sdk.buffer` says what
        happens when the disk is slower than the program.

        Raises TypeError for what is no mapping from texts, or a value that JSON cannot hold; `UsageError`
        (`run-finished`).
        """
        if self._finished:
            self._alive("log")
        if not isinstance(data, Mapping):
            raise TypeError("log takes a dictionary")
        row: dict[str, Any] = {}
        size = ROW_SIZE
        for key, value in data.items():
            if type(key) is not str:
                raise TypeError(f"keys of what is logged are texts: {key!r}")
            if type(value) in SCALARS:
                row[key] = value
                size += VALUE_SIZE if type(value) is not str else VALUE_SIZE + len(value)
            else:
                row[key] = kept = plain(value, self, key)
                size += weight(kept)
        if self._waiting:
            row, self._waiting = {**self._waiting, **row}, {}
        if self._axes:
            self._axes.fill(row)
        if step is not None:
            step = _whole(step)
        if not self._recording.row(row, size, step, step is None if commit is None else bool(commit)):
            assert step is not None
            warn_of_step(step, self.step)

    def define_metric(
        self, name: str, step_metric: str | Metric | None = None, step_sync: bool | None = None,
        hidden: bool | None = None, summary: str | None = None, goal: str | None = None, overwrite: bool | None = None,
    ) -> Metric:  # fmt: skip
        """Say how a metric, or all whose names begin so (`val/*`), is charted and summed up.

        `step_metric`: the metric that it is charted over; unless `step_sync=False`, rows without it get its last value.
        `summary`: min, max, mean, last, first, best (with `goal`), none, several with commas between them.
        Raises `UsageError` (`bad-metric`, `run-finished`).
        """
        self._alive("define_metric")
        metric = definition(name, step_metric, step_sync, hidden, summary, goal, overwrite)
        self._axes.define(metric, self._summary.get)
        self._recording.say("define", metric.record)
        return metric

    def save(
        self, glob_str: str | Path | None = None, base_path: str | Path | None = None, policy: str = "live", *,
        glob: bool = True,
    ) -> list[str]:  # fmt: skip
        """Keep files with the run: as they are now (policy `now`), or as they are when it ends.

        `glob_str`: a path, or a pattern of several; what is below `base_path` becomes the path in the run. Returns the
        paths of the files; none without a path, which old programs say after they set the name. Raises ValueError for
        another policy or a base that is not above; IsADirectoryError.
        """
        self._alive("save")
        return [] if glob_str is None else saving.save(self._recording, glob_str, base_path, policy, glob)

    def watch(
        self, models: Any, criterion: Any = None, log: str | None = "gradients", log_freq: int = 1000,
        idx: int | None = None, log_graph: bool = False,
    ) -> None:  # fmt: skip
        """Log histograms of gradients, parameters or both (`log="all"`) of torch modules, every `log_freq`-th time."""
        from artcli.sdk.watching import watch

        self._alive("watch")
        watch(self, models, log, log_freq, idx)

    def unwatch(self, models: Any = None) -> None:
        """Stop watching these modules, or all."""
        from artcli.sdk.watching import unwatch

        unwatch(self, models)

    def log_artifact(
        self, artifact_or_path: Any, name: str | None = None, type: str | None = None,
        aliases: Sequence[str] | str | None = None, tags: Sequence[str] | str | None = None,
    ) -> Any:  # fmt: skip
        """Make a version of a draft (or of a file, a directory, an address), which the run is then known to have made.

        Returns the version: the newest one if that has this content already. When it returns, the version and the
        run's part in it are in the log. Raises ValueError for what is none of these; `ConflictError` (`type-mismatch`,
        `protected-alias`), `UsageError` (`bad-alias`, `run-finished`), `SpaceError`.
        """
        from artcli.sdk import exchange

        self._alive("log_artifact")
        return exchange.log_artifact(self, artifact_or_path, name, type, aliases, tags)

    def use_artifact(
        self, artifact_or_name: Any, type: str | None = None, aliases: Sequence[str] | str | None = None,
        use_as: str | None = None,
    ) -> Any:  # fmt: skip
        """The version that `[[entity/]project/]name[:alias]` means, which the run is then known to have used.

        `use_as`: the part that it plays. Raises `NotFoundError`, a `CommError`, if there is none; ValueError if it is
        not of `type`.
        """
        from artcli.sdk import exchange

        self._alive("use_artifact")
        return exchange.use_artifact(self, artifact_or_name, type, aliases, use_as)

    def log_model(self, path: str | Path, name: str | None = None, aliases: Sequence[str] | str | None = None) -> None:
        """Make a version of type `model` of a file or directory; raises as `log_artifact`."""
        self.log_artifact(path, name, "model", aliases)

    def use_model(self, name: str) -> str:
        """Bring a model; returns where its file is, or the directory if it has several. Raises as `use_artifact`."""
        from artcli.sdk import exchange

        return exchange.use_model(self, name)

    def log_code(
        self, root: str | Path = ".", name: str | None = None,
        include_fn: Callable[..., bool] | None = None, exclude_fn: Callable[..., bool] | None = None,
    ) -> Any:  # fmt: skip
        """Make a version of the Python files below `root`, or of what the functions want; None if there are none."""
        from artcli.sdk import code

        self._alive("log_code")
        return code.log_code(self, root, name, include_fn, exclude_fn)

    def alert(self, title: str, text: str, level: Any = None, wait_duration: Any = None) -> None:
        """Say it on stderr, which the run records; nobody is written to."""
        word = f" ({getattr(level, 'value', level)})" if level else ""
        say(f"alert{word}: {title}: {text}")

    def _label(self, **_: Any) -> None:
        """W&B's trainers say by this whose they are; nobody counts that here."""

    def use_reference(self, uri: str, use_as: str | None = None) -> None:
        """Note that the run used something that lies elsewhere, by its address."""
        from artcli.sdk import exchange

        self._alive("use_reference")
        exchange.use_reference(self, uri, use_as)

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """The run is over: finished, or failed with an exit code that is not 0. Once it is, nothing happens."""
        self._end("failed" if exit_code else "finished", exit_code or 0)

    def flush(self) -> None:
        """Return when what was said is in the spool, where other processes see it."""
        self._recording.flush()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._hears and error is not None and not isinstance(error, SystemExit):
            # it will be printed when the run is over; its log is where it is looked for
            text = "".join(traceback.format_exception(kind, error, trace))
            told = {"stream": "stderr", "text": text}
            self._recording.ending.append(partial(self._recording.say, "console", told, len(text)))
        self._end(*outcome_of(error))

    # --- within ---

    def _end(self, outcome: str, exit: int) -> None:
        from artcli.sdk import current

        if not self._finished:
            self._finished = True
            current.forget(self)
            self.unwatch()
            self._recording.finish(outcome, exit)
            self._share()

    def _share(self) -> None:
        """What a run of this process made goes to the remote that is wanted, if one is."""
        from artcli.sdk import sharing
        from artcli.sdk.recording import Live

        if isinstance(self._recording, Live) and self._recording.owned:
            sharing.push(self._recording.repository.path, self._settings.mode)

    def _alive(self, verb: str) -> None:
        if self._finished:
            raise UsageError("run-finished", f"run {self.name} is over: {verb} comes too late", hint="art run show -1")

    def _set_config(self, values: Mapping[str, Any]) -> None:
        self._alive("config.update")
        self._recording.say("config", mask.settings(values), weight(values))

    def _set_summary(self, values: Mapping[str, Any]) -> None:
        self._alive("summary.update")
        kept = {str(key): plain(value, self, str(key)) for key, value in values.items()}
        self._recording.say("summary", kept, sum(map(weight, kept.values())))

    def _add_to_next_row(self, values: Mapping[str, Any]) -> None:
        self._waiting.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"a run has no {name!r} to be set; values of its own go into its config or summary")
        object.__setattr__(self, name, value)

    def __reduce__(self) -> Any:
        raise TypeError("a run belongs to its process; hand its id to another one: init(id=…, resume='must')")


def outcome_of(error: BaseException | None) -> tuple[str, int]:
    """How a run ended whose program ended with this exception, and its exit code."""
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        return ("failed", code) if code else ("finished", 0)
    if isinstance(error, KeyboardInterrupt):
        return "killed", 130
    return ("failed", 1) if error is not None else ("finished", 0)


def _whole(step: Any) -> int:
    if isinstance(step, bool):
        raise TypeError("a step is a whole number, not a truth")
    return operator.index(step)
