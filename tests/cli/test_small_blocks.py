"""A repository on a file system of small blocks, whose databases have no write-ahead log."""

from __future__ import annotations

from pathlib import Path

from artcli.threads import ahead
from tests.kit.command_line import Art
from tests.kit.owned import owned

SMALL = "from artcli import database\ndatabase.PAGE = 1 << 30\n"


def test_several_processes_at_once(art: Art, tmp_path: Path) -> None:
    assert owned(art, "init", more=SMALL).returncode == 0

    def log(number: int) -> tuple[int, str]:
        source = tmp_path / f"data{number}"
        source.mkdir()
        (source / "file").write_text(f"{number}")
        done = owned(art, "log-artifact", "data", source, more=SMALL)
        return done.returncode, done.stderr

    for code, said in ahead(log, range(6), workers=3):
        assert code == 0, said
    shown = owned(art, "ls", "data", "--field", "version", more=SMALL)
    assert sorted(shown.stdout.split()) == [f"v{number}" for number in range(6)], shown.stderr
    assert not list(art.directory.rglob("*-wal"))
