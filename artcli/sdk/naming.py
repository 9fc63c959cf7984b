"""Names that W&B takes and references cannot hold: `My Project` becomes `My-Project`, and a line says so, once.

An alias with a space would else fail at the end of a training, when its model is logged.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from artcli.catalog import spec
from artcli.errors import UsageError
from artcli.sdk.voice import say

_said: set[str] = set()


def project(name: str) -> str:
    """The project under which a run of this project is kept; raises `UsageError` (`bad-project`) if nothing is left."""
    return _kept(name, r"[^A-Za-z0-9._-]+", spec.check_project)


def tag(name: str) -> str:
    """The tag that stands for this one; raises `UsageError` (`bad-tag`) if nothing is left."""
    return _kept(name, r"[^A-Za-z0-9._ -]+", spec.check_tag)


def alias(name: str) -> str:
    """The alias that stands for this one; raises `UsageError` (`bad-alias`) if nothing is left, or for `/` and `:`."""
    return name if re.search("[/:]", name) else _kept(name, r"[^A-Za-z0-9._-]+", spec.check_alias)


def _kept(name: str, strange: str, check: Callable[[str], str]) -> str:
    try:
        return check(name)
    except UsageError:
        fitting = re.sub(strange, "-", str(name)).strip("- ")[:128]
        if not fitting:
            raise
    found = check(fitting)
    if name not in _said:
        _said.add(name)
        say(f"{name!r} is kept as {found!r}")
    return found
