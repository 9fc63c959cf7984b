"""The module's own functions: each does to the current run what the run's method does.

Before `init` they raise `Error`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artcli.sdk.config import Config
from artcli.sdk.current import active, current, finish_all
from artcli.sdk.metric import Metric
from artcli.sdk.summary import Summary
from artcli.sdk.voice import say


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None, sync: bool | None = None) -> None:
    """`Run.log` of the current run."""
    active("log").log(data, step, commit, sync)


def save(
    glob_str: str | Path | None = None, base_path: str | Path | None = None, policy: str = "live", *, glob: bool = True
) -> list[str]:
    """`Run.save` of the current run."""
    return active("save").save(glob_str, base_path, policy, glob=glob)


def define_metric(name: str, *args: Any, **kwargs: Any) -> Metric:
    """`Run.define_metric` of the current run."""
    return active("define_metric").define_metric(name, *args, **kwargs)


def watch(models: Any, *args: Any, **kwargs: Any) -> None:
    """`Run.watch` of the current run."""
    active("watch").watch(models, *args, **kwargs)


def unwatch(models: Any = None) -> None:
    """`Run.unwatch` of the current run."""
    active("unwatch").unwatch(models)


def log_artifact(artifact_or_path: Any, *args: Any, **kwargs: Any) -> Any:
    """`Run.log_artifact` of the current run."""
    return active("log_artifact").log_artifact(artifact_or_path, *args, **kwargs)


def use_artifact(artifact_or_name: Any, *args: Any, **kwargs: Any) -> Any:
    """`Run.use_artifact` of the current run."""
    return active("use_artifact").use_artifact(artifact_or_name, *args, **kwargs)


def log_model(path: str | Path, name: str | None = None, aliases: Any = None) -> None:
    """`Run.log_model` of the current run."""
    active("log_model").log_model(path, name, aliases)


def use_model(name: str) -> str:
    """`Run.use_model` of the current run."""
    return active("use_model").use_model(name)


class AlertLevel(enum.Enum):
    """How urgent an alert is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


def alert(title: str, text: str, level: Any = None, wait_duration: Any = None) -> None:
    """`Run.alert` of the current run."""
    active("alert").alert(title, text, level, wait_duration)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the current run; without one nothing happens."""
    run = current()
    if run is not None:
        run.finish(exit_code, quiet)


def login(*args: Any, **kwargs: Any) -> bool:
    """Nothing to log in to: runs are recorded on this machine. Says so, and returns True."""
    say("no login is needed: runs are recorded in the .art folder of this directory or above it")
    return True


def require(*args: Any, **kwargs: Any) -> None:
    """Nothing is to be asked for: what there is is on."""


def setup(settings: Any = None) -> None:
    """Nothing has to be set up."""


def teardown(exit_code: int | None = None) -> None:
    """End all runs of this process."""
    finish_all(exit_code or 0)


def termlog(string: str = "", newline: bool = True, repeat: bool = True) -> None:
    """Say a line on stderr, once if `repeat` is false."""
    if repeat or string not in _termed:
        _termed.add(string)
        say(string)


termwarn = termerror = termlog
_termed: set[str] = set()


class Before:
    """The config or the summary while there is no run."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def __getitem__(self, key: str) -> Any:
        return active(f"{self._name}[{key!r}]")

    def __setitem__(self, key: str, value: Any) -> None:
        active(f"{self._name}[{key!r}]")

    def __getattr__(self, key: str) -> Any:
        if key.startswith("_"):
            raise AttributeError(key)
        return active(f"{self._name}.{key}")

    def __setattr__(self, key: str, value: Any) -> None:
        active(f"{self._name}.{key}")

    def __iter__(self) -> Any:
        return active(self._name)


def current_config() -> Config | Before:
    """What `artcli.config` is now."""
    run = current()
    return run.config if run is not None else Before("config")


def current_summary() -> Summary | Before:
    """What `artcli.summary` is now."""
    run = current()
    return run.summary if run is not None else Before("summary")
