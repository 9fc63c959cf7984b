from __future__ import annotations

from pathlib import Path

import pytest

from artcli.errors import UsageError
from artcli.flows.tag import list_tags, set_tags
from tests.catalog.kit import PROJECT, add_version, init


def test_tags_are_put_on_and_taken_off(tmp_path: Path) -> None:
    made = init(tmp_path)
    for number in range(2):
        add_version(made, "data", str(number))
    add_version(made, "other", "o", project="p2")
    done = set_tags(made, "data", ["rainy day", "night", "night"], PROJECT, reason="seen")
    assert made.catalog.tags_of(done.version) == ["night", "rainy day"]
    before = made.follower.head
    set_tags(made, "data", ["night"], PROJECT)
    set_tags(made, "data", ["never"], PROJECT, remove=True)
    assert made.follower.head == before
    set_tags(made, "data:v0", ["night"], PROJECT)
    set_tags(made, "p2/other", ["night", "far"], PROJECT)
    found, note = list_tags(made.catalog, None, PROJECT)
    assert note is None
    assert [(one.tag, [v.ref for v in one.versions]) for one in found] == [
        ("night", ["data:v0", "data:v1"]), ("rainy day", ["data:v1"]),
    ]  # fmt: skip
    set_tags(made, "data", ["rainy day"], PROJECT, remove=True)
    assert [one.tag for one in list_tags(made.catalog, "data", PROJECT)[0]] == ["night"]
    assert [one.tag for one in list_tags(made.catalog, "other", PROJECT)[0]] == ["far", "night"]


@pytest.mark.parametrize(("ref", "tag", "slug"), [("data", "a,b", "bad-tag"), ("data:v0/x", "a", "path-not-wanted")])
def test_what_carries_no_tag(tmp_path: Path, ref: str, tag: str, slug: str) -> None:
    made = init(tmp_path)
    add_version(made, "data")
    with pytest.raises(UsageError) as caught:
        set_tags(made, ref, ["fine", tag], PROJECT)
    assert (caught.value.slug, bool(caught.value.hint)) == (slug, True)
    assert made.follower.head.n == 0
