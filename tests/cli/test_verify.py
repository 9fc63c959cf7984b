"""`art verify`: nothing on stdout if all is right; 1 for what differs, 7 for what is damaged."""

from __future__ import annotations

import pytest

from tests.flows.workshop import put
from tests.kit.command_line import Art
from tests.kit.trees import plant
from tests.store.material import noise


@pytest.fixture
def repo(art: Art) -> Art:
    art("init")
    plant(art.directory / "data", {"a.txt": b"alpha", "sub/b": noise(1000, "b"), "sub/c": noise(1000, "c")})
    assert art("log-artifact", "dataset", "data").code == 0
    assert art("use", "dataset").code == 0
    return art


def test_all_right(repo: Art) -> None:
    result = repo("verify", "dataset")
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("dataset:v0  3 files, 2.0 KB, ")
    assert result.err.endswith("  all right\n")
    assert repo("verify", "artifacts/dataset:v0").err.startswith("artifacts/dataset:v0 against dataset:v0  3 files, ")
    assert repo("verify", "./data", "--against", "dataset").code == 0
    assert repo("verify", "dataset", "--json").json == {"schema": "art.verified/1", "items": []}
    assert repo("verify", "dataset", "-q").err == ""


def test_what_differs(repo: Art) -> None:
    copy = repo.directory / "artifacts" / "dataset:v0"
    plant(copy, {"a.txt": b"ALPHA", "sub/b": noise(1000, "b"), "new\nname": b"new"})
    result = repo("verify", "./artifacts/dataset:v0")
    expected = "changed\ta.txt\tother bytes\nextra\tnew\\nname\ta file\nmissing\tsub/c\t\n"
    assert (result.code, result.out) == (1, expected)
    assert result.err.endswith("  3 differ\n")
    assert repo("verify", "artifacts/dataset:v0", "-q").out == "a.txt\nnew\nname\nsub/c\n"
    items = repo("verify", "artifacts/dataset:v0", "--json").json["items"]
    assert items[1] == {"state": "extra", "path": "new\nname", "reason": "a file"}
    shown = repo.on_terminal("verify", "artifacts/dataset:v0", NO_COLOR="1")
    assert shown.out.splitlines()[0].split() == ["STATE", "PATH", "REASON"]


def test_damage(repo: Art) -> None:
    for pack in (repo.directory / ".art" / "packs").rglob("*"):
        if pack.is_file() and pack.stat().st_size > 2000:
            data = pack.read_bytes()
            put(pack, data[:500] + bytes([data[500] ^ 1]) + data[501:])
    result = repo("verify", "dataset")
    assert result.code == 7
    assert result.out.startswith("damaged\tsub/")
    assert result.out.count("\n") == 1
    assert "error: 1 file of dataset:v0 is damaged or missing in the repository\nhint: art fsck\n" in result.err
    assert repo("verify", "dataset", "--json").error["code"] == "damaged-version"
    assert repo("verify", "artifacts/dataset:v0").code == 0


MISTAKES: list[tuple[list[str], int, str]] = [
    (["."], 5, "not-a-working-copy"), (["nix"], 5, "no-such-artifact"), (["./nix"], 5, "no-such-path"),
    (["dataset", "--against", "dataset:v0"], 2, "nothing-to-compare"),
]  # fmt: skip


def test_mistakes(repo: Art) -> None:
    for words, code, slug in MISTAKES:
        result = repo("verify", *words)
        assert (result.code, result.out) == (code, "")
        assert "hint: " in result.err
        assert repo("verify", *words, "--json").error["code"] == slug
