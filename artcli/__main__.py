"""`art` and `python -m artcli`."""

import gc

from artcli import processes

YOUNG = 50_000
"""Objects that are made before those are looked through for cycles that nobody holds: Python's 700 come some forty
times while modules are imported, which leave no garbage."""


def main() -> None:
    """The whole of a process that is art's own."""
    processes.allow()
    gc.set_threshold(YOUNG)
    from artcli.cli.main import main as command_line

    try:
        command_line()
    finally:
        gc.freeze()  # what there is goes with the process, and is not looked through again


if __name__ == "__main__":
    main()
