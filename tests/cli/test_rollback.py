"""A remote that an old copy was put in the place of, as a user meets it."""

from __future__ import annotations

import shutil

import pytest

from tests.cli.test_remote import Machines, log, machines, versions

__all__ = ["machines"]


@pytest.fixture
def rolled_back(machines: Machines) -> Machines:
    """The car has pushed dataset:v0, of which there is an old copy, and v1; the laptop has pulled both."""
    machines.share()
    log(machines.car, a=b"a" * 5000)
    assert machines.car("push").code == 0
    shutil.copytree(machines.nas, machines.nas.with_name("old"))
    log(machines.car, b=b"b" * 5000)
    assert machines.car("push").code == 0
    assert machines.laptop("pull").code == 0
    shutil.rmtree(machines.nas)
    shutil.move(machines.nas.with_name("old"), machines.nas)
    return machines


def test_it_is_refused(rolled_back: Machines) -> None:
    for command in ("push", "pull", "fetch", "sync"):
        told = rolled_back.laptop(command, "--json")
        assert (told.code, told.error["code"]) == (6, "remote-rolled-back")
    assert set(versions(rolled_back.laptop).values()) == {"dataset:v0", "dataset:v1"}


def test_a_push_gives_back_what_was_lost(rolled_back: Machines) -> None:
    healed = rolled_back.laptop("push", "--accept-rollback")
    assert healed.code == 0
    assert "the remote has lost 1 change, which this push gives back" in healed.err
    assert set(versions(rolled_back.laptop).values()) == {"dataset:v0", "dataset:v1"}
    assert rolled_back.car("pull", "--accept-rollback").code == 0
    assert versions(rolled_back.car) == versions(rolled_back.laptop)
    assert rolled_back.car("fsck").code == rolled_back.laptop("fsck").code == 0
    assert rolled_back.car("verify", "dataset:v1").code == 0


def test_a_pull_takes_it_as_it_is(rolled_back: Machines) -> None:
    taken = rolled_back.laptop("pull", "--accept-rollback")
    assert taken.code == 0
    assert "the remote has lost 1 change" in taken.err
    assert set(versions(rolled_back.laptop).values()) == {"dataset:v0"}
    assert rolled_back.laptop("pull").code == 0
    assert rolled_back.laptop("fsck").code == 0


def test_where_nothing_was_rolled_back_it_changes_nothing(machines: Machines) -> None:
    machines.share()
    log(machines.car, a=b"a" * 5000)
    for command in ("push", "pull"):
        told = machines.car(command, "--accept-rollback")
        assert told.code == 0
        assert "lost" not in told.err
