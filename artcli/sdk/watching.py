"""`watch`: histograms of a torch module's gradients and parameters, every n-th time its gradients are made.

torch is not imported: a module is what has `named_parameters`, and a parameter tells its gradient to a hook.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from artcli.errors import UsageError
from artcli.sdk.values import Histogram
from artcli.sdk.voice import warn

if TYPE_CHECKING:
    from artcli.sdk.run import Run

WHAT = ("gradients", "parameters", "all", None)


class Watched:
    """One module that is watched."""

    def __init__(self, run: Run, model: Any, prefix: str, log: str | None, every: int) -> None:
        self.model = model
        self._run, self._prefix, self._log, self._every = run, prefix, log, max(1, every)
        self._counts: dict[str, int] = {}
        self._hooks = [
            parameter.register_hook(self._hook(name, parameter))
            for name, parameter in model.named_parameters()
            if log is not None and parameter.requires_grad
        ]

    def stop(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def _hook(self, name: str, parameter: Any) -> Callable[[Any], None]:
        def heard(gradient: Any) -> None:
            count = self._counts[name] = self._counts.get(name, 0) + 1
            if count % self._every:
                return
            found = {}
            try:
                if self._log in ("gradients", "all"):
                    found[f"gradients/{self._prefix}{name}"] = Histogram(gradient).keep()
                if self._log in ("parameters", "all"):
                    found[f"parameters/{self._prefix}{name}"] = Histogram(parameter).keep()
            except Exception as error:  # in the midst of backward(): a training is worth more than a histogram
                warn(f"no histogram of {self._prefix}{name}: {error}", once=f"histogram of {name}")
            self._run._add_to_next_row(found)

        return heard


def watch(run: Run, models: Any, log: str | None, every: int, index: int | None) -> None:
    """Watch modules; raises `UsageError` (`bad-watch`), TypeError for what has no parameters."""
    if log not in WHAT:
        raise UsageError(
            "bad-watch", f"watch logs gradients, parameters or all, not {log!r}", hint="art help bad-watch"
        )
    several = models if isinstance(models, list | tuple) else [models]
    for model in several:
        if not hasattr(model, "named_parameters"):
            raise TypeError(f"watch takes modules of torch, not {type(model).__name__}")
    for model in several:
        number = len(run._watched) if index is None else index
        run._watched.append(Watched(run, model, f"graph_{number}" if number else "", log, every))


def unwatch(run: Run, models: Any) -> None:
    """Stop watching these modules, or all."""
    several = models if isinstance(models, list | tuple) else None if models is None else [models]
    for watched in list(run._watched):
        if several is None or any(watched.model is model for model in several):
            watched.stop()
            run._watched.remove(watched)
