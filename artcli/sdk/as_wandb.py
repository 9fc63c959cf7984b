"""This package under the name `wandb`, for code that imports that itself: trainers, their callbacks and trackers.

What stands in `sys.modules` is a module of its own, which looks every name up here. The few parts of W&B's package that
such code names to know a run by its type are there; a part that is not is a `ModuleNotFoundError`, which it expects.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from artcli.errors import UsageError
from artcli.sdk.run import Run

NAME = "wandb"
US = "artcli"


class RunDisabled:
    """W&B's type of a disabled run, of which there is none here: that is a `Run`, too."""


PARTS: dict[str, dict[str, Any]] = {
    "sdk": {},
    "sdk.lib": {"RunDisabled": RunDisabled},
    "sdk.wandb_run": {"Run": Run},
    "wandb_run": {"Run": Run},
}


class Wandb(ModuleType):
    """`wandb`, as those who import it see it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(US), name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(import_module(US))})


def install_as_wandb() -> None:
    """Let `import wandb` mean this package from now on, in this process.

    Call it before anything imports wandb; raises `UsageError` (`wandb-imported`) if something has.
    """
    known = sys.modules.get(NAME)
    if isinstance(known, Wandb):
        return
    if known is not None:
        raise UsageError(
            "wandb-imported", "wandb itself has been imported already", hint="art help wandb-imported",
            facts=["artcli.install_as_wandb() comes before whatever imports it"],
        )  # fmt: skip
    modules = {NAME: Wandb(NAME, f"{US} under another name.")}
    modules |= {f"{NAME}.{part}": ModuleType(f"{NAME}.{part}") for part in PARTS}  # type: ignore[misc]
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None, is_package=True)
        module.__path__ = []  # and no file is taken for a part of it
        vars(module).update(PARTS.get(name.partition(".")[2], {}))
        above, _, last = name.rpartition(".")
        if above:
            setattr(modules[above], last, module)
    sys.modules.update(modules)
