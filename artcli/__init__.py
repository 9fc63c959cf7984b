"""The public Python names of `art`: W&B's, so that `import artcli as wandb` runs code that was written for it.

They are loaded when they are asked for (PEP 562), so that the import costs nothing; `run`, `config` and `summary` are
those of the run that is open, so they are looked up each time.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own costs 8 ms
if TYPE_CHECKING:
    from typing import Any

    from artcli import errors as errors
    from artcli.errors import CommError as CommError
    from artcli.errors import Error as Error
    from artcli.errors import UsageError as UsageError
    from artcli.sdk.api import Api as Api
    from artcli.sdk.as_wandb import install_as_wandb as install_as_wandb
    from artcli.sdk.beginning import init as init
    from artcli.sdk.clips import Audio as Audio
    from artcli.sdk.clips import Html as Html
    from artcli.sdk.clips import Video as Video
    from artcli.sdk.config import Config as Config
    from artcli.sdk.draft import Artifact as Artifact
    from artcli.sdk.media import Image as Image
    from artcli.sdk.public import AlertLevel as AlertLevel
    from artcli.sdk.public import alert as alert
    from artcli.sdk.public import define_metric as define_metric
    from artcli.sdk.public import finish as finish
    from artcli.sdk.public import log as log
    from artcli.sdk.public import log_artifact as log_artifact
    from artcli.sdk.public import log_model as log_model
    from artcli.sdk.public import login as login
    from artcli.sdk.public import require as require
    from artcli.sdk.public import save as save
    from artcli.sdk.public import setup as setup
    from artcli.sdk.public import teardown as teardown
    from artcli.sdk.public import termerror as termerror
    from artcli.sdk.public import termlog as termlog
    from artcli.sdk.public import termwarn as termwarn
    from artcli.sdk.public import unwatch as unwatch
    from artcli.sdk.public import use_artifact as use_artifact
    from artcli.sdk.public import use_model as use_model
    from artcli.sdk.public import watch as watch
    from artcli.sdk.run import Run as Run
    from artcli.sdk.settings import Settings as Settings
    from artcli.sdk.summary import Summary
    from artcli.sdk.table import Table as Table
    from artcli.sdk.values import Histogram as Histogram

    run: Run | None
    config: Config
    summary: Summary

__version__ = "0.1.0"

_HOMES = {
    "AlertLevel": "artcli.sdk.public",
    "Api": "artcli.sdk.api",
    "Artifact": "artcli.sdk.draft",
    "Audio": "artcli.sdk.clips",
    "CommError": "artcli.errors",
    "Config": "artcli.sdk.config",
    "Error": "artcli.errors",
    "Histogram": "artcli.sdk.values",
    "Html": "artcli.sdk.clips",
    "Image": "artcli.sdk.media",
    "Run": "artcli.sdk.run",
    "Settings": "artcli.sdk.settings",
    "Table": "artcli.sdk.table",
    "UsageError": "artcli.errors",
    "Video": "artcli.sdk.clips",
    "alert": "artcli.sdk.public",
    "define_metric": "artcli.sdk.public",
    "finish": "artcli.sdk.public",
    "init": "artcli.sdk.beginning",
    "install_as_wandb": "artcli.sdk.as_wandb",
    "log": "artcli.sdk.public",
    "log_artifact": "artcli.sdk.public",
    "log_model": "artcli.sdk.public",
    "login": "artcli.sdk.public",
    "require": "artcli.sdk.public",
    "save": "artcli.sdk.public",
    "setup": "artcli.sdk.public",
    "teardown": "artcli.sdk.public",
    "termerror": "artcli.sdk.public",
    "termlog": "artcli.sdk.public",
    "termwarn": "artcli.sdk.public",
    "unwatch": "artcli.sdk.public",
    "use_artifact": "artcli.sdk.public",
    "use_model": "artcli.sdk.public",
    "watch": "artcli.sdk.public",
}
_CURRENT = {
    "config": ("artcli.sdk.public", "current_config"),
    "run": ("artcli.sdk.current", "current"),
    "summary": ("artcli.sdk.public", "current_summary"),
}

__all__ = [
    "AlertLevel", "Api", "Artifact", "Audio", "CommError", "Config", "Error", "Histogram", "Html", "Image", "Run",
    "Settings", "Table", "UsageError", "Video", "alert", "config", "define_metric", "errors", "finish", "init",
    "install_as_wandb", "log", "log_artifact", "log_model", "login", "require", "run", "save", "setup", "summary",
    "teardown", "termerror", "termlog", "termwarn", "unwatch", "use_artifact", "use_model", "watch",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"artcli has no {name!r}; `art help wandb` says what it has of W&B's names")
    from importlib import import_module

    if name in _CURRENT:
        module, function = _CURRENT[name]
        return getattr(import_module(module), function)()
    if name == "errors":
        return import_module("artcli.errors")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
