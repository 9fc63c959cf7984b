"""A process of its own that commits: `python -m tests.catalog.committer REPOSITORY NAME COUNT`."""

from __future__ import annotations

import sys
from pathlib import Path

from artcli.catalog.repository import Repository
from tests.catalog.kit import add_version


def main() -> None:
    folder, name, count = sys.argv[1:]
    repository = Repository.open(Path(folder))
    for number in range(int(count)):
        add_version(repository, "shared", f"{name} {number}", metadata={"by": name, "n": number})
    repository.close()


if __name__ == "__main__":
    main()
