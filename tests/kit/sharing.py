"""Clones on any file system: a request for one is a copy."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from artcli.files import share


def copying(monkeypatch: pytest.MonkeyPatch, *, then: Callable[[], object] = lambda: None) -> list[int]:
    """Let every request for a clone copy the bytes and do `then`; a list that gets the length of each clone."""
    asked: list[int] = []

    def copy(fd: int, request: int, source: int) -> None:
        assert request == share.FICLONE
        data = os.pread(source, os.fstat(source).st_size, 0)
        os.write(fd, data)
        if data:
            asked.append(len(data))
            then()

    monkeypatch.setattr(share.fcntl, "ioctl", copy)
    return asked
