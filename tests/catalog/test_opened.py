"""The list of open manifests: what is in it decides whether a page stands for all below it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artcli.catalog.opened import Opened
from tests.kit.strict_disk import StrictDisk


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "repository" / "local").mkdir(parents=True)
    return tmp_path / "repository"


def test_it_is_on_the_disk_before_a_version_is_in_the_log(repository: Path, tmp_path: Path) -> None:
    first, second = os.urandom(32), os.urandom(32)
    with StrictDisk(repository) as disk:
        Opened(repository).open(first)
        Opened(repository).open(second)
        disk.cut(tmp_path / "cut")
    assert Opened(tmp_path / "cut").roots() == {first, second}


def test_many_who_log_at_once(repository: Path) -> None:
    roots = [os.urandom(32) for _ in range(60)]
    gone = [os.urandom(32) for _ in range(60)]
    for root in gone[:5]:
        Opened(repository).open(root)
    with ThreadPoolExecutor(6) as pool:
        opening = [pool.submit(Opened(repository).open, root) for root in roots]
        closing = [pool.submit(Opened(repository).close, [root]) for root in gone]
        for done in (*opening, *closing):
            done.result()
    assert Opened(repository).roots() == set(roots)
