"""`art log-artifact` of large files, which a process of its own reads: the same version comes of it."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from artcli.files.reader import BLOCK
from tests.kit.command_line import Art
from tests.kit.owned import only, owned
from tests.store.material import noise

MIB = 1 << 20
SMALLER = "from artcli.flows import cutting, ingest\ncutting.LARGE = ingest.LARGE = 300_000\n"
FEW = (300_000, BLOCK - 1, 2 * BLOCK + MIB // 2)
MORE = (BLOCK, BLOCK + 1, 2 * BLOCK + 2 * MIB)


def plant(folder: Path, sizes: Sequence[int]) -> None:
    for size in sizes:
        (folder / f"{size:09}").write_bytes(noise(size, str(size)))


@pytest.fixture
def data(art: Art, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    plant(folder, FEW)
    (folder / "zeros").write_bytes(bytes(BLOCK + 5))
    (folder / "a small one").write_bytes(b"small")
    (folder / "one that is only read once").write_bytes(noise(280_000))
    art("init")
    return folder


def test_the_same_version_comes_of_it(art: Art, data: Path) -> None:
    plant(data, MORE)
    done = owned(art, "log-artifact", "data", data, more=SMALLER)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "1 processes")
    assert art("verify", "data:v0").code == 0
    assert art("log-artifact", "other", data).code == 0
    assert len({art("show", ref, "--field", "digest").out for ref in ("data:v0", "other:v0")}) == 1
    assert art("use", "data:v0", "--root", "out").code == 0
    for path in data.iterdir():
        assert (art.directory / "out" / path.name).read_bytes() == path.read_bytes()


def test_where_no_process_may_begin_it_is_done_here(art: Art, data: Path) -> None:
    done = owned(art, "log-artifact", "data", data, more=SMALLER + only(0))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "0 processes")
    assert art("verify", "data:v0").code == 0


def test_a_file_that_changes_is_read_again(art: Art, data: Path) -> None:
    change = SMALLER + (
        "from artcli.files import reader\n"
        "is_other, asked = reader._is_other, []\n"
        "def changing(fd, stat):\n"
        "    asked.append(fd)\n"
        f"    if len(asked) == 2:\n        open({str(data / '004194303')!r}, 'ab').write(b'more')\n"
        "    return is_other(fd, stat)\n"
        "reader._is_other = changing\n"
    )
    (data / "000300000").unlink()
    done = owned(art, "log-artifact", "data", data, more=change)
    assert done.returncode == 0, done.stderr
    assert art("verify", "data:v0").code == 0
    assert art("cat", "data:v0/004194303").raw_out == noise(BLOCK - 1, str(BLOCK - 1)) + b"more"


def test_a_file_that_cannot_be_read_is_named(art: Art, data: Path) -> None:
    broken = SMALLER + (
        "from artcli.files import reader\n"
        "fill, asked = reader._fill, []\n"
        "def failing(fd, view):\n"
        "    asked.append(fd)\n"
        "    if len(asked) == 4:\n        raise OSError(5, 'Input/output error')\n"
        "    return fill(fd, view)\n"
        "reader._fill = failing\n"
    )
    done = owned(art, "log-artifact", "data", data, "--json", more=broken)
    assert done.returncode != 0
    assert "nput/output error" in done.stderr
    assert art("ls", "--json").json["items"] == []
    assert owned(art, "log-artifact", "data", data, more=SMALLER).returncode == 0


@pytest.mark.parametrize("whom", ["parent", "child"])
def test_killed_nothing_is_logged(art: Art, data: Path, whom: str) -> None:
    """Of a child whose parent was killed nothing is left either: else its streams were open still."""
    kill = SMALLER + (
        "from artcli.files import reader\n"
        "fill, asked = reader._fill, []\n"
        "def dying(fd, view):\n"
        "    asked.append(fd)\n"
        "    if len(asked) == 4:\n"
        f"        os.kill({{'parent': os.getppid(), 'child': os.getpid()}}[{whom!r}], {int(signal.SIGKILL)})\n"
        "    return fill(fd, view)\n"
        "reader._fill = dying\n"
    )
    done = owned(art, "log-artifact", "data", data, "--json", more=kill)
    assert done.returncode == (-signal.SIGKILL if whom == "parent" else 1)
    assert whom == "parent" or '"worker-killed"' in done.stderr
    assert art("ls", "--json").json["items"] == []
    assert art("fsck").code == 0
    assert owned(art, "log-artifact", "data", data, more=SMALLER).returncode == 0
