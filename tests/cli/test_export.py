"""`art export`: an archive in a file, whose name is printed, or on stdout."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.cli.shelf import with_dataset
from tests.kit.command_line import Art
from tests.kit.trees import Empty, Leaf, Link
from tests.store.material import noise

FILES: dict[str, Leaf] = {"a.txt": b"alpha", "empty": Empty(), "link": Link("a.txt"), "sub/b": noise(300_000)}


@pytest.fixture
def repo(art: Art) -> Art:
    return with_dataset(art, FILES)


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return opened.getnames()


def test_files(repo: Art) -> None:
    result = repo("export", "dataset")
    assert (result.code, result.out) == (0, "dataset-v0.tar\n")
    assert result.err.startswith("dataset:v0  4 files  307 KB  ")
    assert names((repo.directory / "dataset-v0.tar").read_bytes()) == sorted(FILES)
    assert repo("export", "dataset/sub").out == "dataset-v0-sub.tar\n"
    assert repo("export", "dataset", "-o", "out/x.zip").out == "out/x.zip\n"
    assert zipfile.ZipFile(repo.directory / "out" / "x.zip").namelist() == ["a.txt", "empty/", "link", "sub/b"]
    assert repo("export", "dataset", "-o", "y", "--format", "zip").code == 0
    assert (repo.directory / "y").read_bytes() == (repo.directory / "out" / "x.zip").read_bytes()


def test_standard_output(repo: Art) -> None:
    result = repo("export", "dataset", "-o", "-", "--format", "tar")
    assert result.code == 0
    assert names(result.raw_out) == sorted(FILES)
    repo("export", "dataset")
    assert (repo.directory / "dataset-v0.tar").read_bytes() == result.raw_out
    assert repo("export", "dataset", "-o", "-", "-q").err == ""


def test_its_document(repo: Art) -> None:
    document = repo("export", "dataset", "--json").json
    expected = {
        "schema": "art.exported/1", "path": "dataset-v0.tar", "ref": "dataset:v0", "format": "tar", "entries": 4,
        "size": 300_005, "archive_size": 307_200,
    }  # fmt: skip
    assert {name: document[name] for name in expected} == expected


MISTAKES: list[tuple[list[str], int, str]] = [
    (["dataset", "-o", "there"], 6, "destination-not-empty"),
    (["dataset", "--format", "rar"], 2, "bad-archive"),
    (["dataset", "-o", "x.tar.gz"], 2, "bad-archive"),
    (["dataset/nix"], 5, "no-such-path"),
    (["nix"], 5, "no-such-artifact"),
]


def test_mistakes(repo: Art) -> None:
    for words, code, slug in MISTAKES:
        (repo.directory / "there").write_bytes(b"mine")
        before = sorted(Path(repo.directory).iterdir())
        result = repo("export", *words)
        assert (result.code, result.out) == (code, "")
        assert "hint: " in result.err
        assert repo("export", *words, "--json").error["code"] == slug
        assert sorted(Path(repo.directory).iterdir()) == before
        assert (repo.directory / "there").read_bytes() == b"mine"


def test_a_terminal_gets_no_archive(repo: Art) -> None:
    result = repo.on_terminal("export", "dataset", "-o", "-")
    assert (result.code, result.out) == (2, "")
    assert "bytes are not written to a terminal" in result.err


def test_a_reader_that_leaves_early_is_no_error(repo: Art) -> None:
    (repo.directory / "data" / "a.txt").write_bytes(noise(3_000_000))
    repo("log-artifact", "dataset", "data")
    command = f"{sys.executable} -m artcli export dataset -o - | head -c 5"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=repo.directory, capture_output=True)
    assert (result.returncode, result.stdout, result.stderr) == (141, b"a.txt", b"")
