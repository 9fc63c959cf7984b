"""`art` and `python -m artcli`."""

from artcli import processes
from artcli.cli.main import main as command_line


def main() -> None:
    """The whole of a process that is art's own."""
    processes.allow()
    command_line()


if __name__ == "__main__":
    main()
