"""`art fsck`."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.flows.workshop import put
from tests.kit.command_line import Art
from tests.store.material import noise


def logged(art: Art) -> None:
    art("init")
    folder = art.directory / "data"
    folder.mkdir()
    (folder / "x.bin").write_bytes(noise(1000, "x"))
    (folder / "note.txt").write_bytes(b"hi")
    assert art("log-artifact", "a", "data").code == 0


def damage_data(art: Art) -> str:
    """Flips a bit of the chunk; the key of its pack."""
    (path,) = [path for path in (art.directory / ".art" / "packs").rglob("*") if path.is_file() and is_data(path)]
    data = bytearray(path.read_bytes())
    data[100] ^= 0x55
    put(path, bytes(data))
    return path.relative_to(art.directory / ".art").as_posix()


def is_data(path: Path) -> bool:
    return path.read_bytes().endswith(b"artpackD")


def test_a_sound_repository(art: Art) -> None:
    logged(art)
    result = art("fsck")
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("sound: 1 log entry, 1 index, 2 packs (")
    assert result.err.endswith(" read), 1 version\n")
    assert art("fsck", "--quick").err == "sound: 1 log entry, 1 index, 2 packs\n"
    assert art("fsck", "-q").err == ""
    summary = art("fsck", "--full", "a:v0", "--json").json
    assert (summary["message_type"], summary["schema"], summary["problems"]) == ("summary", "art.fsck-summary/1", 0)
    assert (summary["packs"], summary["versions"], summary["touched"]) == (2, 1, {})


def test_damage(art: Art) -> None:
    logged(art)
    key = damage_data(art)
    result = art("fsck")
    assert result.code == 7
    assert result.out == (
        f"pack\t{key}\t\tits bytes are not those it is named by; 1 of its 1 chunks is lost\n"
        f"file\tx.bin\ta:v0\tchunk {chunk()} is lost\n"
    )
    assert result.err.splitlines()[1:] == [
        "error: 1 damaged or missing",
        "  uncategorized/a:v0: 1 touched",
        "hint: art fsck --repair",
    ]
    problem, touched, summary = art("fsck", "--json").json_lines
    assert (problem["message_type"], problem["key"], problem["code"]) == ("problem", key, "damaged-pack")
    assert (touched["message_type"], touched["key"], touched["cause"]) == ("touched", "x.bin", key)
    assert summary["touched"] == {"uncategorized/a:v0": 1}
    assert art("fsck", "--json").error["code"] == "repository-damaged"
    assert art("fsck", "-q").out == f"{key}\nx.bin\n"


def chunk() -> str:
    from artcli.content import digest_of

    return digest_of(noise(1000, "x")).hex()


def test_repair(art: Art) -> None:
    logged(art)
    shutil.copytree(art.directory, art.directory.parent / "copy")
    key = damage_data(art)
    result = art("fsck", "--repair", "--from", art.directory.parent / "copy")
    assert (result.code, result.lines[0].split("\t")[1]) == (0, key)
    assert [line for line in result.err.splitlines() if line.startswith("repaired")] == [
        f"repaired: {key}: 0 of its 1 chunks are in a new pack",
        f"repaired: {art.directory.parent / 'copy' / '.art'}: 1 chunk taken from there",
    ]
    assert art("fsck", "--full").code == 0


def test_what_is_lost_for_good(art: Art) -> None:
    logged(art)
    damage_data(art)
    result = art("fsck", "--repair")
    assert result.code == 7
    assert result.err.splitlines()[-3:] == [
        "error: 1 damaged or missing, lost for good",
        "  uncategorized/a:v0: 1 touched",
        "hint: log the files again: what is stored anew heals the versions",
    ]
    art("log-artifact", "a", "data")
    assert art("fsck").code == 0


def test_a_lost_config(art: Art) -> None:
    logged(art)
    (art.directory / ".art" / "config").unlink()
    assert art("fsck", "--repair", "--json").code == 0
    assert art("fsck").code == 0


def test_flags_that_contradict(art: Art) -> None:
    logged(art)
    assert art("fsck", "--quick", "--full").code == 2
    assert art("fsck", "--from", "x").code == 2
    assert art("fsck", "nothing:v0").code == 5
    assert art("-C", "/", "fsck").code == 10


def test_a_person_sees_a_table(art: Art) -> None:
    logged(art)
    damage_data(art)
    assert art.on_terminal("fsck").lines[0].startswith("\x1b[2mWHAT  KEY")
