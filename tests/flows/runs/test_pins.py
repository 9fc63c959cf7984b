"""What names mean in a run that does another one again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.errors import NotFoundError
from artcli.flows.runs.pins import PINS, environment, meant
from tests.flows.lineage.lab import PROJECT, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    for content in (b"1", b"2"):
        made.add("data", {"a": content})
        made.add("other", {"b": content})
    yield made
    made.repository.close()


def pinned(lab: Lab, *refs: str) -> dict[str, str]:
    catalog = lab.repository.catalog
    versions = {version.ref: version for version in catalog.versions()}
    return {PINS: environment(f"{PROJECT}/{versions[ref].name}@{versions[ref].digest}" for ref in refs)}


@pytest.mark.parametrize("word", ["data", "data:latest", "data:v1", f"{PROJECT}/data:latest"])
def test_a_name_means_what_was_used(lab: Lab, word: str) -> None:
    environ = pinned(lab, "data:v0", "other:v1")
    assert f"{PROJECT}/{meant(lab.repository.catalog, word, 'elsewhere', None, environ)}".endswith(
        environ[PINS].split()[0]
    )
    assert meant(lab.repository.catalog, word, PROJECT, None, {}) == word


def test_a_path_stays(lab: Lab) -> None:
    environ = pinned(lab, "data:v0")
    assert meant(lab.repository.catalog, "data:latest/a", PROJECT, None, environ) == f"{environ[PINS]}/a"


def test_what_is_read_as_ever(lab: Lab) -> None:
    """Of several none is chosen; a digest says itself what it means; other names are not concerned."""
    catalog, several = lab.repository.catalog, pinned(lab, "data:v0", "data:v1")
    for word, environ in [
        ("data:latest", several),
        (pinned(lab, "data:v1")[PINS], pinned(lab, "data:v0")),
        ("other:latest", pinned(lab, "data:v0")),
        ("data:latest", {PINS: f"{PROJECT}/gone@{'0' * 64}"}),
    ]:
        assert meant(catalog, word, PROJECT, None, environ) == word
    with pytest.raises(NotFoundError):
        meant(catalog, "none", PROJECT, None, several)


def test_what_the_run_has_logged_itself_by_then(lab: Lab) -> None:
    environ = pinned(lab, "data:v0")
    with lab.run("grow") as run:
        assert meant(lab.repository.catalog, "data:latest", PROJECT, run.id, environ) == environ[PINS]
        run.log_artifact("data", {"a": b"3"})
        assert meant(lab.repository.catalog, "data:latest", PROJECT, run.id, environ) == "data:latest"
