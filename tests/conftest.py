"""What holds for all tests: the processes that they start keep what they have compiled.

Hundreds of them run `art`, and compiling it takes longer than what most of them do.
"""

from __future__ import annotations

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
