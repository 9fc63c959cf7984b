"""A program that records a run; called by the harness with a module that has W&B's names, and what to do.

    import                  import the module             in fresh interpreters, so that nothing is warm
    short                   import it, begin a run and end it
    log ROWS                log so many rows of one number, in a loop
    whole ROWS              the same, until the run is over and all of it is where it belongs
    artifact FOLDER         make a version of the folder and wait until it is there, as far as the recorder can wait
    download                use it and bring its files
    again                   the same once more, when they are in place

The last two lines of its output are where the files were brought (or nothing) and the seconds that it took; those of
`log`, `artifact`, `download` and `again` are of these calls alone, in a run that has begun. `copytree` in place of a
module is what Python's own copy of the folder needs, into ./store and back out of it.
"""

from __future__ import annotations

import importlib
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAME = "files"


def main(module: str, step: str, *given: str) -> tuple[str, float]:
    if module == "copytree":
        return _timed(COPIES[step], *given)
    began = time.perf_counter()
    wandb = importlib.import_module(module)
    if step == "import":
        return "", time.perf_counter() - began
    run = wandb.init(project="bench") or wandb
    if step == "short":
        run.finish()
        return "", time.perf_counter() - began
    if step == "whole":
        return _timed(_whole, wandb, *given)
    brought, took = _timed(STEPS[step], wandb, run, *given)
    wandb.finish()
    return brought, took


def _timed(step: Callable[..., Any], *given: Any) -> tuple[str, float]:
    began = time.perf_counter()
    brought = step(*given)
    return str(brought or ""), time.perf_counter() - began


def _log(wandb: Any, run: Any, rows: str) -> None:
    for number in range(int(rows)):
        wandb.log({"loss": 1 / (number + 1)})


def _whole(wandb: Any, rows: str) -> None:
    _log(wandb, None, rows)
    wandb.finish()


def _artifact(wandb: Any, run: Any, folder: str) -> None:
    artifact = wandb.Artifact(NAME, type="dataset")
    artifact.add_dir(folder)
    logged = run.log_artifact(artifact)
    if wandb.__name__ != "wandb":  # offline it has copied the files by now, and refuses to wait for more
        logged.wait()


def _download(wandb: Any, run: Any) -> Any:
    return run.use_artifact(f"{NAME}:latest").download()


STEPS: dict[str, Callable[..., Any]] = {"log": _log, "artifact": _artifact, "download": _download, "again": _download}
COPIES: dict[str, Callable[..., Any]] = {
    "artifact": lambda folder: shutil.copytree(folder, "store"),
    "download": lambda: shutil.copytree("store", "copy"),
}


if __name__ == "__main__":
    try:
        place, seconds = main(*sys.argv[1:])
    except Exception as problem:
        sys.exit(f"{type(problem).__name__}: {problem}")
    print(f"\n{Path(place).resolve() if place else ''}\n{seconds}")
