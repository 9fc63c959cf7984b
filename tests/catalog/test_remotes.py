from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artcli.catalog.remotes import Remote, Remotes
from artcli.errors import ArtError

NAS, USB = Remote("nas", "/mnt/nas", "ab" * 16), Remote("usb", "/mnt/usb", "cd" * 16)


def slug(raised: pytest.ExceptionInfo[ArtError]) -> str:
    return raised.value.slug


def test_the_first_remote_is_the_authority_until_another_is_promoted(tmp_path: Path) -> None:
    remotes = Remotes(tmp_path)
    assert (remotes.all, remotes.authority) == ([], None)
    remotes.add(USB)
    remotes.add(NAS)
    assert (Remotes(tmp_path).all, Remotes(tmp_path).authority) == ([NAS, USB], USB.place)
    Remotes(tmp_path).promote("nas")
    assert Remotes(tmp_path).authority == NAS.place


def test_an_authority_stays_that_when_its_name_is_forgotten(tmp_path: Path) -> None:
    Remotes(tmp_path).add(NAS)
    Remotes(tmp_path).remove("nas")
    Remotes(tmp_path).add(USB)
    assert (Remotes(tmp_path).all, Remotes(tmp_path).authority) == ([USB], NAS.place)


def test_a_remote_that_moved_is_the_same_place(tmp_path: Path) -> None:
    Remotes(tmp_path).add(NAS)
    Remotes(tmp_path).set_url("nas", "/media/nas")
    assert Remotes(tmp_path).get("nas") == NAS._replace(url="/media/nas")


def test_many_who_change_the_list_at_once(tmp_path: Path) -> None:
    known = [NAS._replace(name=f"nas{number}") for number in range(30)]
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(Remotes(tmp_path).add, remote) for remote in known]:
            done.result()
    assert set(Remotes(tmp_path).all) == set(known)
    before = Remotes(tmp_path)  # what it has read is no longer so when it changes something
    Remotes(tmp_path).remove("nas7")
    before.set_url("nas8", "/media/nas")
    assert len(Remotes(tmp_path).all) == 29
    with pytest.raises(ArtError) as raised:
        before.promote("nas7")
    assert slug(raised) == "no-such-remote"


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a b", "x" * 65, "ä"])
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArtError) as raised:
        Remotes(tmp_path).add(NAS._replace(name=name))
    assert slug(raised) == "bad-remote-name"
    assert Remotes(tmp_path).all == []


def test_what_is_there_or_is_not(tmp_path: Path) -> None:
    Remotes(tmp_path).add(NAS)
    with pytest.raises(ArtError) as raised:
        Remotes(tmp_path).add(USB._replace(name="nas"))
    assert slug(raised) == "remote-exists"
    for change in (Remotes.remove, Remotes.promote, Remotes.get):
        with pytest.raises(ArtError) as raised:
            change(Remotes(tmp_path), "usb")
        assert slug(raised) == "no-such-remote"
        assert raised.value.facts == ("remotes: nas",)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"remotes": {"nas": 1}, "authority": null}', '{"remotes": {}}'])
def test_a_list_that_cannot_be_read(content: str, tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "remotes.json").write_text(content)
    with pytest.raises(ArtError) as raised:
        Remotes(tmp_path)
    assert slug(raised) == "damaged-remotes"
