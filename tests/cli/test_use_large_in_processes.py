"""`art use` of large files, whose chunks processes decode: right to the last byte, or nothing of them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from artcli.flows.contents import GROUP
from tests.kit.command_line import Art
from tests.kit.owned import only, owned
from tests.store.material import noise

SMALLER = "from artcli.flows import contents, decoding\ndecoding.LARGE = 300_000\n"
FILES = {
    "few": noise(300_000),
    "more": noise(GROUP + 5, "more"),
    "most": noise(8 * GROUP + 77, "most"),
    "zeros": bytes(3 * GROUP),
    "tiny": b"tiny",
}


@pytest.fixture
def logged(art: Art, tmp_path: Path) -> Art:
    for name, data in FILES.items():
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_bytes(data)
    art("init")
    assert art("log-artifact", "data", tmp_path / "data").code == 0
    return art


def check(art: Art) -> None:
    """A temporary file of a command that was killed just now may be somebody's still."""
    found = {path.name: path.read_bytes() for path in (art.directory / "out").iterdir()}
    assert {name: data for name, data in found.items() if not name.startswith(".art-")} == FILES


def damage(art: Art) -> None:
    """Flip a byte in the middle of every data pack."""
    for pack in (art.directory / ".art/packs").rglob("*"):
        if pack.is_file() and pack.stat().st_size > GROUP:
            data = bytearray(pack.read_bytes())
            data[len(data) // 2] ^= 1
            pack.chmod(0o644)
            pack.write_bytes(data)


def test_the_bytes_are_the_same(logged: Art) -> None:
    done = owned(logged, "use", "data:v0", "--root", "out", more=SMALLER)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "8 processes")
    check(logged)


@pytest.mark.parametrize("allowed", [0, 1])
def test_where_no_process_may_begin_it_is_done_here(logged: Art, allowed: int) -> None:
    done = owned(logged, "use", "data:v0", "--root", "out", more=SMALLER + only(allowed))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, f"{allowed} processes")
    check(logged)


def test_a_damaged_chunk_is_named(logged: Art) -> None:
    damage(logged)
    done = owned(logged, "use", "data:v0", "--root", "out", "--json", more=SMALLER)
    assert done.returncode == 7
    assert '"damaged-chunk"' in done.stderr
    assert "most" not in [path.name for path in (logged.directory / "out").iterdir()]


def test_a_damaged_chunk_comes_from_another_place(logged: Art, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    logged("remote", "add", "place", tmp_path / "place")
    assert logged("push", "place").code == 0
    damage(logged)
    assert owned(logged, "use", "data:v0", "--root", "out", more=SMALLER).returncode == 0
    check(logged)


def test_what_is_elsewhere_is_not_looked_for_there(logged: Art, art: Art, tmp_path: Path) -> None:
    """By processes; this one does."""
    (tmp_path / "place").mkdir()
    logged("remote", "add", "place", tmp_path / "place")
    assert logged("push", "place").code == 0
    assert logged("clone", tmp_path / "place", tmp_path / "other").code == 0
    other = Art(tmp_path / "other")
    done = owned(other, "use", "data:v0", "--root", "out", more=SMALLER)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "0 processes")
    check(other)


@pytest.mark.parametrize("whom", ["parent", "child"])
def test_killed_the_same_command_completes_it(logged: Art, whom: str) -> None:
    kill = SMALLER + (
        "decode, decoded = contents._decode, []\n"
        "def dying(*what, **how):\n"
        "    decoded.append(what)\n"
        "    if len(decoded) == 4:\n"
        f"        os.kill({{'parent': os.getppid(), 'child': os.getpid()}}[{whom!r}], {int(signal.SIGKILL)})\n"
        "    return decode(*what, **how)\n"
        "contents._decode = dying\n"
    )
    done = owned(logged, "use", "data:v0", "--root", "out", "--json", more=kill)
    assert done.returncode == (-signal.SIGKILL if whom == "parent" else 1)
    assert whom == "parent" or '"worker-killed"' in done.stderr
    assert owned(logged, "use", "data:v0", "--root", "out", more=SMALLER).returncode == 0
    check(logged)


def test_a_mistake_in_a_process_ends_the_others(logged: Art) -> None:
    broken = SMALLER + (
        "decode, decoded = contents._decode, []\n"
        "def failing(*what, **how):\n"
        "    decoded.append(what)\n"
        "    if len(decoded) == 3:\n        raise ValueError('a mistake')\n"
        "    return decode(*what, **how)\n"
        "contents._decode = failing\n"
    )
    done = owned(logged, "use", "data:v0", "--root", "out", more=broken)
    assert done.returncode == 1
    assert "a mistake" in done.stderr
