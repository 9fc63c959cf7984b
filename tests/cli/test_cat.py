"""`art cat`: bytes on stdout and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from artcli.content import digest_of
from tests.kit.command_line import Art
from tests.kit.trees import plant
from tests.store.material import noise

BINARY = noise(300_000)


@pytest.fixture
def repo(art: Art) -> Art:
    art("init")
    plant(art.directory / "data", {"a.txt": "für\n".encode(), "b": b"no end", "bin": BINARY, "esc": b"\x1b[31mred"})
    assert art("log-artifact", "dataset", "data").code == 0
    return art


def test_bytes(repo: Art) -> None:
    result = repo("cat", "dataset:v0/b", "dataset/a.txt", "dataset/bin")
    assert (result.code, result.raw_out, result.err) == (0, b"no endf\xc3\xbcr\n" + BINARY, "")
    assert repo("cat", "dataset/bin", "--range", "10-19").raw_out == BINARY[10:20]
    assert repo("cat", "dataset/b", "dataset/bin", "--range=-3").raw_out == b"end" + BINARY[-3:]
    assert repo("cat", "-q", "dataset/b").out == "no end"


def test_what_it_is_of(repo: Art) -> None:
    item = {"path": "b", "ref": "dataset:v0", "size": 6, "digest": digest_of(b"no end").hex()}
    assert repo("cat", "dataset/b", "--json").json == {"schema": "art.file/1", "items": [item]}
    assert repo("cat", "dataset/b", "--field", "size").out == "6\n"


MISTAKES: list[tuple[list[str], int, str, str]] = [
    (["dataset/c.txt"], 5, "no-such-path", "art show dataset:v0/a.txt"),
    (["dataset"], 2, "which-file", "art ls dataset:v0"),
    (["dataset:v7/b"], 5, "no-such-version", "art ls dataset"),
    (["dataset/b", "--range", "6-"], 2, "bad-range", "art cat REF/PATH --range 0-499"),
    (["dataset/b", "--range", "x"], 2, "bad-range", "art cat REF/PATH --range 0-499"),
]


def test_mistakes(repo: Art) -> None:
    for words, code, slug, hint in MISTAKES:
        result = repo("cat", "dataset/a.txt", *words)
        assert (result.code, result.raw_out) == (code, b"")
        assert result.err.endswith(f"hint: {hint}\n")
        assert repo("cat", *words, "--json").error["code"] == slug


def test_a_terminal_is_shown_text_and_nothing_else(repo: Art) -> None:
    assert repo.on_terminal("cat", "dataset/a.txt").out == "für\n"
    for path in ("bin", "esc"):
        result = repo.on_terminal("cat", f"dataset/{path}")
        assert (result.code, result.out) == (2, "")
        assert "bytes are not written to a terminal" in result.err


def test_a_reader_that_leaves_early_is_no_error(repo: Art) -> None:
    command = f"{sys.executable} -m artcli cat dataset/bin dataset/bin dataset/bin | head -c 5"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=repo.directory, capture_output=True)
    assert (result.returncode, result.stdout, result.stderr) == (141, BINARY[:5], b"")
