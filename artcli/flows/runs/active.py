"""The run that a process works in: what an outer process says to it through the environment.

ART_RUN_ID             the run. `art use`, `art log-artifact`, `art log-metrics` record in it. `init` of the Python
                       API joins it, and then neither ends it nor becomes its owner: whoever began it ends it.
ART_DIR                the `.art` folder that the run is in, wherever the process goes
ART_CONFIG_OVERRIDES   a JSON object: settings from outside (`-c` of `art run`), which win over the program's own.
                       They are in the run's config already; `overrides.apply` puts them into the program's.
ART_DISABLED           1: nothing is recorded; what reads and writes versions works as ever
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artcli.catalog import spec

RUN = "ART_RUN_ID"
FOLDER = "ART_DIR"
OVERRIDES = "ART_CONFIG_OVERRIDES"
DISABLED = "ART_DISABLED"
PATH = "PYTHONPATH"
AS_WANDB = Path(__file__).parent / "as_wandb"
"""A folder with nothing but a module `wandb`, which is this package under another name."""


def active_run(environ: Mapping[str, str] = os.environ) -> str | None:
    """The id of the run that the process works in, if it is in one; raises `UsageError` (`bad-run`)."""
    found = environ.get(RUN)
    return spec.check_run(found) if found and not is_disabled(environ) else None


def is_disabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether nothing is to be recorded."""
    return environ.get(DISABLED, "").lower() in ("1", "true", "yes", "on")


def overrides(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Settings from outside; what is no JSON object is as good as none."""
    return _overrides(environ) or {}


def are_overrides_readable(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the settings from outside are a JSON object, or none."""
    return _overrides(environ) is not None


def _overrides(environ: Mapping[str, str]) -> dict[str, Any] | None:
    try:
        found = json.loads(environ.get(OVERRIDES) or "{}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def with_wandb(environ: Mapping[str, str]) -> dict[str, str]:
    """The variable that makes `import wandb` mean this package in a Python that has it."""
    known = environ.get(PATH)
    return {PATH: os.pathsep.join([str(AS_WANDB), *([known] if known else [])])}


def environment(run: str, folder: Path, settings: Mapping[str, Any]) -> dict[str, str]:
    """The variables that say to another process what this module reads."""
    found = {RUN: run, FOLDER: str(folder.absolute())}
    if settings:
        found[OVERRIDES] = json.dumps(settings, ensure_ascii=False)
    return found
