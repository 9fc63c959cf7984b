"""How a run is to be: what `init` is given, what the environment says, what the repository's settings say.

A value comes from the first that has it: the argument of `init`, `Settings(…)`, the variables below, the repository's
or the user's settings. W&B's variables count where there is none of ours, so that scripts that set them work as before.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from artcli.errors import UsageError
from artcli.settings import TRUE

_VARIABLES = {
    "project": ("ART_PROJECT", "WANDB_PROJECT"),
    "entity": ("ART_ENTITY", "WANDB_ENTITY"),
    "name": ("ART_RUN_NAME", "WANDB_NAME"),
    "group": ("ART_RUN_GROUP", "WANDB_RUN_GROUP"),
    "job_type": ("ART_JOB_TYPE", "WANDB_JOB_TYPE"),
    "notes": ("ART_RUN_NOTES", "WANDB_NOTES"),
    "tags": ("ART_RUN_TAGS", "WANDB_TAGS"),
    "mode": ("ART_MODE", "WANDB_MODE"),
    "id": ("WANDB_RUN_ID",),
    "resume": ("ART_RESUME", "WANDB_RESUME"),
    "console": ("ART_CONSOLE", "WANDB_CONSOLE"),
}
_OWN_NAMES = {"run_id": "id", "run_name": "name", "run_group": "group", "run_job_type": "job_type"}
_OWN_NAMES |= {"run_notes": "notes", "run_tags": "tags", "root_dir": "dir"}
MODES = ("online", "offline", "disabled", "shared", "dryrun", "run")
RESUMES = ("allow", "must", "never", "auto")


class Settings:
    """Settings of runs: any of W&B's names is taken, those that mean nothing here are kept and do nothing.

    `mode`, `project`, `entity`, `id`, `name`, `group`, `job_type`, `notes`, `tags`, `dir`, `resume`; `console` ("off":
    what is printed is not recorded), `disable_git`, `disable_code`, `x_disable_stats` (no samples of the machine),
    `x_stats_sampling_interval` (seconds between them), `silent`.
    """

    def __init__(self, **given: Any) -> None:
        self._given = {_OWN_NAMES.get(key, key): value for key, value in given.items() if value is not None}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and not name.startswith("_disable"):
            raise AttributeError(name)
        return self._given.get(_OWN_NAMES.get(name, name))

    def over(self, later: Settings | Mapping[str, Any] | None) -> Settings:
        """These settings, and where they have none, the later ones."""
        more = later._given if isinstance(later, Settings) else Settings(**dict(later or {}))._given
        return Settings(**{**more, **self._given})

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{key}={value!r}' for key, value in sorted(self._given.items()))})"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """What the variables say."""
    found: dict[str, Any] = {}
    for key, names in _VARIABLES.items():
        value = next((environ[name] for name in names if environ.get(name)), None)
        if value is not None:
            found[key] = [word.strip() for word in value.split(",") if word.strip()] if key == "tags" else value
    for key, name in (("disable_code", "WANDB_DISABLE_CODE"), ("disable_git", "WANDB_DISABLE_GIT")):
        if environ.get(name, "").lower() in TRUE:
            found[key] = True
    if environ.get("ART_DISABLED", environ.get("WANDB_DISABLED", "")).lower() in TRUE:
        found["mode"] = "disabled"
    return Settings(**found)


def check(settings: Settings) -> Settings:
    """The settings, if they can be meant; raises `UsageError` (`bad-mode`, `bad-resume`)."""
    if settings.mode is not None and settings.mode not in MODES:
        raise UsageError("bad-mode", f"mode is {', '.join(MODES)}, not {settings.mode!r}", hint="art help bad-mode")
    resume = "auto" if settings.resume is True else settings.resume or None
    if resume is not None and resume not in RESUMES:
        raise UsageError("bad-resume", f"resume is {', '.join(RESUMES)}, not {resume!r}", hint="art help bad-resume")
    tags = [settings.tags] if isinstance(settings.tags, str) else list(settings.tags or ())
    for name in ("project", "entity", "id", "name", "group", "job_type", "notes"):
        if not isinstance(getattr(settings, name), str | None):
            raise TypeError(f"{name} of a run is a text, not {getattr(settings, name)!r}")
    if not all(isinstance(tag, str) for tag in tags):
        raise TypeError(f"tags of a run are texts, not {tags!r}")
    if settings.id == "":
        raise UsageError("bad-run", "a run's id is empty: leave it out, and the run gets one", hint="art help bad-run")
    return Settings(resume=resume, tags=tags).over(settings)
