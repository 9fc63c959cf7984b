"""`art gc`."""

from __future__ import annotations

from artcli.catalog.repository import Repository
from tests.flows.workshop import add_facts
from tests.kit.command_line import Art
from tests.store.material import noise


def logged(art: Art, *deleted: str) -> None:
    """Two versions of `a`, of which `deleted` are in the trash."""
    art("init")
    folder = art.directory / "data"
    folder.mkdir()
    for n in range(2):
        (folder / "x.bin").write_bytes(noise(500_000, str(n)))
        assert art("log-artifact", "a", "data").code == 0
    repository = Repository(art.directory / ".art")
    add_facts(repository, "delete", deleted)
    repository.close()


def test_gc(art: Art) -> None:
    logged(art, "a:v0")
    art("gc")
    result = art("gc")
    assert (result.code, result.out) == (0, "0\n")
    assert result.err == "freed 0 B; the trash still holds 1 version and 500 KB\n"
    dry = art("gc", "--grace", "0d", "-n", "--json").json_lines[-1]
    assert (dry["message_type"], dry["schema"], dry["dry_run"]) == ("summary", "art.gc/1", True)
    assert (dry["purged"], dry["trash"], dry["packs_deleted"]) == (["a:v0"], [], 2)
    *events, done = art("gc", "--grace", "0d", "--json").json_lines
    assert events == [{"message_type": "status", "purged": "a:v0", "project": "uncategorized"}]
    assert done["freed"] > 500_000
    assert abs(done["freed"] - dry["freed"]) < 1000
    assert art("gc", "-q").out == "0\n"


def test_empty_trash_asks(art: Art) -> None:
    logged(art, "a:v0", "a:v1")
    refused = art("gc", "--empty-trash")
    assert refused.code == 2
    assert refused.err.splitlines() == [
        "error: not confirmed: delete 2 versions in the trash for good?",
        "hint: art gc --empty-trash --yes",
    ]
    assert art("gc", "--empty-trash", "-n").code == 0
    result = art("gc", "--empty-trash", "--yes")
    assert result.code == 0
    assert result.err.endswith("2 versions out of the trash; 4 packs deleted, 0 rewritten\n")
    assert art("gc", "--empty-trash").code == 0


def test_a_grace_in_the_future(art: Art) -> None:
    art("init")
    refused = art("gc", "--grace", "2090-01-01", "--json")
    assert (refused.code, refused.error["code"]) == (2, "bad-date")


def test_a_person_sees_sizes(art: Art) -> None:
    art("init")
    assert art.on_terminal("gc").out == "0 B\n"


def test_damage(art: Art) -> None:
    logged(art)
    for path in (art.directory / ".art" / "index").iterdir():
        path.unlink()
    result = art("gc", "--json")
    assert (result.code, result.error["code"], result.error["hint"]) == (7, "gc-refuses-damage", "art fsck")
