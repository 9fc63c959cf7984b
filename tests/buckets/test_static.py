"""Places behind plain web servers: read from, never written to, never listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from artcli.buckets.bucket import Missing, Piece, get_many
from artcli.buckets.limited import Meter
from artcli.buckets.line import HttpLine
from artcli.buckets.static import StaticBucket, WebBucket
from artcli.errors import ArtError, AuthError, ConflictError
from tests.kit.bucket_suite import BAD_KEYS, RANGES, refuses
from tests.kit.scripted import answer, saying
from tests.kit.web_server import Plain, serving_files


def test_what_is_there_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"0123456789")
    (tmp_path / "empty").touch()
    with serving_files(tmp_path) as url:
        bucket = StaticBucket(HttpLine(url))
        assert [bucket.get("a/b", start, length) for start, length, _ in RANGES] == [data for *_, data in RANGES]
        assert bytes(bucket.view("a/b")) == b"0123456789"
        assert bucket.get("empty") == bucket.get("empty", 0, 5) == bucket.get("empty", 3) == b""
        assert get_many(bucket, [Piece("a/b", 2, 3), Piece("none", 0, 1)]) == [b"234", None]
        with pytest.raises(Missing):
            bucket.get("a/c")
        for start, length in [(-1, None), (0, -1)]:
            with pytest.raises(ValueError):
                bucket.get("a/b", start, length)
        assert [key for key in BAD_KEYS if not refuses(bucket.get, key)] == []


def test_nothing_can_be_written_or_listed(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"x")
    with serving_files(tmp_path) as url:
        bucket = WebBucket(HttpLine(url))
        for verb, kind, slug in [
            (lambda: bucket.add("a", b"x"), AuthError, "read-only-place"),
            (lambda: bucket.delete("config"), AuthError, "read-only-place"),
            (lambda: list(bucket.list("")), ConflictError, "not-listed"),
        ]:
            with pytest.raises(kind) as raised:
                verb()
            assert raised.value.slug == slug
        assert list(tmp_path.iterdir()) == [tmp_path / "config"]


def test_a_server_that_knows_no_ranges(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"0123456789")
    with serving_files(tmp_path, Plain) as url:
        bucket = WebBucket(HttpLine(url))
        with pytest.raises(ArtError) as raised:
            bucket.get("config", 2, 3)
        assert raised.value.slug == "no-ranges"
        assert StaticBucket(HttpLine(url)).get("config") == b"0123456789"
        assert StaticBucket(HttpLine(url)).get("config", 0, 100) == b"0123456789"


def test_of_a_whole_file_no_more_is_read_than_was_asked_for() -> None:
    meter = Meter()
    with saying([answer(200, b"x" * 3_000_000)]) as server:
        bucket = StaticBucket(HttpLine(server.url, meter=meter))
        for start in (0, 1000):
            with pytest.raises(ConflictError) as raised:
                bucket.get("packs/x", start, 1000)
            assert raised.value.slug == "no-ranges"
    assert meter.received <= 2 * 1001
