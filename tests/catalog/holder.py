"""A process of its own that holds a lock until it is killed, and says when it does.

python -m tests.catalog.holder PATH
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from artcli import lock


def main() -> None:
    with lock.held(Path(sys.argv[1]), alone=True, wait=5):
        print("held", flush=True)
        time.sleep(60)


if __name__ == "__main__":
    main()
