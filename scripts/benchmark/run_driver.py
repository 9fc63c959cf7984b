"""A program that records a run; called by the harness with a module that has W&B's names, and what to do.

    import      import the module                     in fresh interpreters, so that nothing is warm
    short       import it, begin a run and end it
    log         log so many rows of one number, in a loop
    whole       the same, until the run is over and all of it is where it belongs

The seconds that it took are the last line of its output; of `log` those of the calls alone.
"""

from __future__ import annotations

import importlib
import sys
import time


def main(module: str, step: str, rows: int) -> float:
    began = time.perf_counter()
    wandb = importlib.import_module(module)
    if step == "import":
        return time.perf_counter() - began
    run = wandb.init(project="bench")
    if step == "short":
        (run or wandb).finish()
        return time.perf_counter() - began
    began = time.perf_counter()
    for number in range(rows):
        wandb.log({"loss": 1 / (number + 1)})
    took = time.perf_counter() - began
    wandb.finish()
    return took if step == "log" else time.perf_counter() - began


if __name__ == "__main__":
    seconds = main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    print(f"\n{seconds}")
