"""Where a run has a page."""

from __future__ import annotations

import json

import pytest

from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register
from artcli.flows.runs import address
from artcli.flows.runs.recorder import Beginning, Recorder

PLACE = "0" * 32


def set_remotes(repository: Repository, authority: str | None = PLACE, **urls: str) -> None:
    found = {name: {"url": url, "place": PLACE if name == "nas" else "1" * 32} for name, url in urls.items()}
    file = repository.path / "local" / "remotes.json"
    file.write_text(json.dumps({"authority": authority, "remotes": found}))


@pytest.fixture(autouse=True)
def no_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ART_REMOTE", raising=False)


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://nas:8080/team", "https://nas:8080/team/p/a%2Fb%20c/runs/r%231"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80/p/a%2Fb%20c/runs/r%231"),
        ("ssh://pi@car/art", None),
        ("/mnt/nas", None),
        ("s3://bucket/team", None),
    ],
)
def test_a_server_has_pages(url: str, page: str | None, repository: Repository) -> None:
    set_remotes(repository, nas=url, other="https://other")
    assert address.of(repository.path, "a/b c", "r#1") == page


def test_which_remote(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    assert address.of(repository.path, "car", "r") is None
    set_remotes(repository, authority=None, nas="https://nas")
    assert address.of(repository.path, "car", "r") is None
    set_remotes(repository, nas="https://nas", other="https://other")
    for wanted, page in [
        ("other", "https://other/p/car/runs/r"), ("https://third:1/", "https://third:1/p/car/runs/r"), ("fourth", None),
        ("https://user:secret@third", None), ("/mnt/nas", None),
    ]:  # fmt: skip
        monkeypatch.setenv("ART_REMOTE", wanted)
        assert address.of(repository.path, "car", "r") == page
    monkeypatch.delenv("ART_REMOTE")
    (repository.path / "local" / "remotes.json").write_text("{")
    assert address.of(repository.path, "car", "r") is None, "who pushes hears of it"


def test_it_is_there_once_the_run_is_pushed(repository: Repository) -> None:
    run = Recorder.begin(repository, Beginning("car", "blue")).run
    set_remotes(repository, nas="https://nas")
    known = Register(repository.follower.database).run(run)
    assert known is not None
    page = address.page(repository, known)
    assert str(page) == f"https://nas/p/car/runs/{run} once it is pushed"
