from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artcli.catalog import spec
from artcli.catalog.spec import Spec, parse, readings
from artcli.errors import UsageError

NOTHING = Spec(None, None, "x", None, None, 0, None)


def of(**parts: Any) -> Spec:
    return NOTHING._replace(**parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", of()),
        ("x:latest", of(version="latest")),
        ("x:v3", of(version="v3")),
        ("x:3", of(version="3")),
        ("x:best~1", of(version="best", back=1)),
        ("x:best~", of(version="best", back=1)),
        ("x~2", of(version="latest", back=2)),
        ("x~2/a/b", of(version="latest", back=2, path=b"a/b")),
        ("x@0123456789ab", of(digest="0123456789ab")),
        ("x:@0123456789ab", of(digest="0123456789ab")),
        ("x@0123456789ab~1/p", of(digest="0123456789ab", back=1, path=b"p")),
        ("x:v3/", of(version="v3")),
        ("x:v3/a/b.txt", of(version="v3", path=b"a/b.txt")),
        ("x:v3/a:b@c~d/", of(version="v3", path=b"a:b@c~d")),
        ("p/x:v3", of(project="p", version="v3")),
        ("e/p/x", of(entity="e", project="p")),
        ("authors/artifact-safety/x:v0", of(entity="authors", project="artifact-safety", version="v0")),
        ("art://e/p/x:best/a", of(entity="e", project="p", version="best", path=b"a")),
        ("x:v3/\udcff", of(version="v3", path=b"\xff")),
    ],
)  # fmt: skip
def test_references(text: str, expected: Spec) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "/", ":", ":v3", "x:", "x:/a", "x: best", "x y", "../x", "x/../y", "a/b/c/d", "x//y", "x@", "x@0123",
        "x~a",
        "x@0123456789AB", "x@" + "0" * 65, "x:a b", "x:a:b", "x:best~x", "x:~1", "x~1234567890", "ü", "x" * 129, "..",
        "art://",
        "x:\n", "x\n",
    ],
)  # fmt: skip
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert (caught.value.slug, caught.value.hint) == ("bad-reference", "art help refs")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", [of()]),
        ("x/", [of()]),
        ("x:v3/a", [of(version="v3", path=b"a")]),
        ("p/x:v3/a", [of(project="p", version="v3", path=b"a")]),
        ("x/a", [of(name="a", project="x"), of(path=b"a")]),
        ("x/a/b", [of(entity="x", project="a", name="b"), of(path=b"a/b"), of(project="x", name="a", path=b"b")]),
        ("x/a/b/c", [of(path=b"a/b/c"), of(project="x", name="a", path=b"b/c"),
                     of(entity="x", project="a", name="b", path=b"c")]),
        ("x/a@2.png", [of(path=b"a@2.png")]),
        ("x/a b", [of(path=b"a b")]),
    ],
)  # fmt: skip
def test_what_a_reference_may_mean(text: str, expected: list[Spec]) -> None:
    assert readings(text) == expected


@settings(max_examples=200, deadline=None)
@given(st.text("abv1:@~/.0123456789- \n", max_size=24))
def test_reading_ends_in_a_reference_or_in_our_error(text: str) -> None:
    for read in (parse, readings):
        try:
            read(text)
        except UsageError as error:
            assert error.slug == "bad-reference"  # noqa: PT017 - most texts are no reference, some are


NAME = st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True).filter(lambda name: name not in (".", ".."))


@settings(max_examples=100, deadline=None)
@given(st.none() | NAME, NAME, st.none() | NAME, st.integers(0, 99), st.none() | st.binary(min_size=1, max_size=9))
def test_a_reference_comes_back_from_its_text(
    project: str | None, name: str, version: str | None, back: int, path: bytes | None
) -> None:
    path = path.strip(b"/") or None if path and version else None
    made = Spec(None, project, name, version, None, back if version else 0, path)
    assert parse(str(made)) == made


@pytest.mark.parametrize(
    ("check", "slug", "good", "bad"),
    [
        (spec.check_name, "bad-name", ["a", "A.b-c_9", "x" * 128], ["", "a b", "ü", "x" * 129, "a/b", ".", "..",
        "a\n", "a:b"]),
        (spec.check_project, "bad-project", ["jetracer"], ["", "a/b", "..", "a b"]),
        (spec.check_alias, "bad-alias", ["best", "v", "v1a", "1.0"], ["", "latest", "v3", "3", "a b", "..", "a\x1b"]),
        (spec.check_tag, "bad-tag", ["night", "night drive", "1.0", "v3"], ["", " a", "a ", "a\tb", "a,b", "ü",
        "x" * 129]),
        (spec.check_type, "bad-type", ["dataset", "raw data", "Ü"], ["", " a", "a/b", "a\nb", "x" * 129]),
        (spec.check_run, "bad-run", ["7knqtpdzjh05p0", "train-1"], ["", "a b", "a/b", "..", "a\n"]),
    ],
)  # fmt: skip
def test_words(check: Any, slug: str, good: list[str], bad: list[str]) -> None:
    for word in good:
        assert check(word) == word
    for word in bad:
        with pytest.raises(UsageError) as caught:
            check(word)
        assert (caught.value.slug, bool(caught.value.hint)) == (slug, True)
