"""A new place by every way to one, as `new_place(kind, directory)`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.azure import container
from tests.kit.s3 import s3
from tests.kit.sshd import ssh
from tests.web.conftest import serve

KINDS = ("disk", "http", "ssh", "s3", "azure")

NewPlace = Callable[[str, Path], str]

__all__ = ["KINDS", "NewPlace", "container", "new_place", "s3", "serve", "ssh"]


@pytest.fixture
def new_place(request: pytest.FixtureRequest) -> NewPlace:
    """The URL of what may become a place, of a kind of `KINDS`; the environment says how it is reached.

    `directory`: a new one, where its bytes lie if that is of this machine.
    """

    def make(kind: str, directory: Path) -> str:
        if kind == "s3":
            return str(request.getfixturevalue("s3")())
        if kind == "azure":
            return "az://" + str(request.getfixturevalue("container"))
        directory.mkdir()
        if kind == "http":
            return str(request.getfixturevalue("serve")(directory).url)
        return str(request.getfixturevalue("ssh")(directory)) if kind == "ssh" else str(directory)

    return make
