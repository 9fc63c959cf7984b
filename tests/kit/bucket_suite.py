"""The contract of a bucket, executable. A kind of bucket is tested by inheriting and giving two fixtures:

`bucket`, an empty one, and `raw`, which reads an object's bytes *around* the bucket (None if there is none), so
that the bucket cannot vouch for itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from artcli.buckets.bucket import KEY_LENGTH, Bucket, Missing, Piece, get_many
from artcli.content import Buffer

Raw: TypeAlias = Callable[[str], "bytes | None"]

BAD_KEYS = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    "//a",
    ".",
    "..",
    "./a",
    "../a",
    "a/.",
    "a/..",
    "a/../b",
    "a/./b",
    "../../etc/passwd",
    "/etc/passwd",
    ".hidden",
    "a/.hidden",
    "-option",
    "a/-option",
    "a b",
    " a",
    "a ",
    "a\n",
    "\na",
    "a\0b",
    "a\tb",
    "a\\b",
    "..\\a",
    "C:\\a",
    "c:a",
    "a:b",
    "a*b",
    "a?b",
    "a%2fb",
    "%2e%2e/a",
    "a#b",
    "a~b",
    "~a",
    "a@b",
    "a+b",
    "a$b",
    "a|b",
    "a'b",
    'a"b',
    "é",
    "a/é",
    "\udcff",
    "a\u200bb",
    "١",
    "a" * (KEY_LENGTH + 1),
    "a/" * 300 + "a",
]


RANGES: list[tuple[int, int | None, bytes]] = [
    (0, None, b"0123456789"),
    (3, None, b"3456789"),
    (3, 4, b"3456"),
    (0, 3, b"012"),
    (7, 3, b"789"),
    (8, 5, b"89"),
    (9, 1, b"9"),
    (10, 1, b""),
    (10, None, b""),
    (10**12, None, b""),
    (10**12, 5, b""),
    (5, 0, b""),
    (2, 10**12, b"23456789"),
]

LISTINGS = [
    ("log/", ""),
    ("log", ""),
    ("l", ""),
    ("log/0000001", ""),
    ("log/0000001/", ""),
    ("log/0000001/00000000", ""),
    ("log/0000001/0000000013", ""),
    ("log/0000001/0000000013x", ""),
    ("log/0000009/", ""),
    ("none/", ""),
    ("zzz", ""),
    ("", "log/0000001/0000000012"),
    ("", "log/0000001/"),
    ("", "log/0000001"),
    ("", "log/00000011"),
    ("", "log"),
    ("", "a"),
    ("", "zzz"),
    ("log/", "log/0000001/0000000012"),
    ("log/", "log/0000001/00000000125"),
    ("log/0000002/", "log/0000001/0000000012"),
    ("log/0000001/", "log/0000002/0000000020"),
    ("packs/", "log/0000001/0000000012"),
    ("log/", "../../not a key, compared all the same"),
    ("log/", "log/zzz"),
]


def refuses(verb: Callable[[str], object], key: str) -> bool:
    try:
        verb(key)
    except ValueError:
        return True
    return False


class BucketSuite:
    """Inherit; the name of the subclass begins with `Test`."""

    LARGE = 64
    """MiB of the largest object."""
    MANY = 1200
    """Objects of the longest listing: more than a store tells at once."""

    @pytest.fixture
    def bucket(self) -> Bucket:
        raise AssertionError("a kind of bucket gives this fixture")

    @pytest.fixture
    def raw(self) -> Raw:
        raise AssertionError("a kind of bucket gives this fixture")

    def test_what_is_added_is_there(self, bucket: Bucket, raw: Raw) -> None:
        assert raw("packs/ab/cd") is None
        assert bucket.add("packs/ab/cd", b"hello") is True
        assert raw("packs/ab/cd") == b"hello"
        assert bucket.get("packs/ab/cd") == b"hello"
        assert bytes(bucket.view("packs/ab/cd")) == b"hello"

    def test_keys_of_every_depth(self, bucket: Bucket, raw: Raw) -> None:
        keys = ["config", "b/c", "A/b/c/d/e/f", "x-1.y_2", "_", "0", "d/" * 100 + "d", "c" * 255]
        for key in keys:
            assert bucket.add(key, key.encode())
        for key in keys:
            assert bucket.get(key) == key.encode() == raw(key)
        assert [item.key for item in bucket.list("")] == sorted(keys)

    def test_ranges(self, bucket: Bucket) -> None:
        bucket.add("a/b", b"0123456789")
        for start, length, expected in RANGES * 2:  # the second time perhaps from a cache
            assert bucket.get("a/b", start, length) == expected, (start, length)

    def test_many_pieces_at_once(self, bucket: Bucket) -> None:
        for name in ("a", "b"):
            bucket.add(name, name.encode() * 10)
        pieces = [Piece("b", 2, 3), Piece("missing"), Piece("a"), Piece("a", 8, 100), Piece("b", 50)] * 20
        assert get_many(bucket, pieces) == [b"bbb", None, b"a" * 10, b"aa", b""] * 20
        assert get_many(bucket, []) == []

    def test_ranges_that_are_none(self, bucket: Bucket) -> None:
        bucket.add("a/b", b"0123456789")
        for start, length in [(-1, None), (-1, 3), (0, -1)]:
            with pytest.raises(ValueError):
                bucket.get("a/b", start, length)

    def test_missing(self, bucket: Bucket) -> None:
        bucket.add("a/b/c/e", b"x")
        bucket.add("packs/ab/cd", b"x")
        for key in ["a", "a/b", "a/b/c/d", "packs", "log/0000000/0000000000"] * 2:
            with pytest.raises(Missing):
                bucket.get(key)
            with pytest.raises(Missing):
                bucket.get(key, 3, 4)
            with pytest.raises(Missing):
                bucket.view(key)

    def test_missing_then_added(self, bucket: Bucket) -> None:
        with pytest.raises(Missing):
            bucket.get("log/0")
        bucket.add("log/0", b"first")
        assert bucket.get("log/0") == b"first"

    def test_a_name_taken_is_not_touched(self, bucket: Bucket, raw: Raw) -> None:
        assert bucket.add("log/0", b"first") is True
        for data in (b"first", b"second, and longer", b"", [b"third"]):
            assert bucket.add("log/0", data) is False
            assert raw("log/0") == b"first"
            assert bucket.get("log/0") == b"first"

    def test_race_of_32_has_one_winner(self, bucket: Bucket, raw: Raw) -> None:
        for number in range(8):
            key = f"log/{number}/{number:010}"
            start = threading.Barrier(32)
            winners: list[bytes] = []

            def race(name: int, key: str = key, start: threading.Barrier = start) -> None:
                data = f"writer {name} ".encode() * (50 + name)
                start.wait()
                if bucket.add(key, [data[:7], data[7:]]):
                    winners.append(data)  # noqa: B023

            threads = [threading.Thread(target=race, args=(name,)) for name in range(32)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(winners) == 1
            assert raw(key) == bucket.get(key) == winners[0]

    def test_nothing(self, bucket: Bucket, raw: Raw) -> None:
        for key, data in [("a/0", b""), ("a/1", []), ("a/2", [b"", b""])]:
            assert bucket.add(key, data) is True  # type: ignore[arg-type]
            assert bucket.add(key, b"more") is False
            assert bucket.get(key) == raw(key) == b""
            assert bytes(bucket.view(key)) == b""
            assert bucket.get(key, 0, 5) == b""

    def test_large(self, bucket: Bucket) -> None:
        block = bytes(range(256)) * 4096
        assert bucket.add("packs/00/big", [block] * self.LARGE)
        assert [item.size for item in bucket.list("packs/")] == [self.LARGE << 20]
        assert bucket.get("packs/00/big", (self.LARGE << 20) - 3) == b"\xfd\xfe\xff"
        assert bucket.get("packs/00/big", (17 << 20) + 5, 3) == b"\x05\x06\x07"
        view = bucket.view("packs/00/big")
        assert len(view) == self.LARGE << 20
        for number in range(self.LARGE):
            assert view[number << 20 : (number + 1) << 20] == block

    def test_sequences_of_every_buffer(self, bucket: Bucket, raw: Raw) -> None:
        parts: list[Buffer] = [b"ab", bytearray(b"cd"), memoryview(b"-ef-")[1:3], b"", memoryview(bytearray(b"gh"))]
        assert bucket.add("a/1", parts)
        assert raw("a/1") == b"abcdefgh"
        assert bucket.add("a/2", bytearray(b"xyz"))
        assert bucket.add("a/3", memoryview(b"-xyz-")[1:4])
        assert raw("a/2") == raw("a/3") == b"xyz"
        many = [bytes([number % 251]) * (number % 7) for number in range(5000)]
        assert bucket.add("a/4", many)
        assert raw("a/4") == b"".join(many)

    def test_a_buffer_may_be_reused_after_add(self, bucket: Bucket, raw: Raw) -> None:
        buffer = bytearray(b"first")
        bucket.add("a/1", buffer)
        bucket.add("a/2", [memoryview(buffer)])
        buffer[:] = b"other"
        buffer.extend(b"no view is left that would forbid this")
        assert raw("a/1") == raw("a/2") == bucket.get("a/1") == b"first"

    def test_list_is_sorted_by_key(self, bucket: Bucket) -> None:
        keys = ["a-b", "a.b/c", "a/0", "a/b-c", "a/b/c", "a0", "a_/x", "A", "_", "b/c/d/e", "b/c/d-e", "b/c0", "0/1"]
        for key in keys:
            bucket.add(key, key.encode())
        items = list(bucket.list(""))
        assert [item.key for item in items] == sorted(keys)
        assert [item.size for item in items] == [len(key) for key in sorted(keys)]

    def test_list_knows_times(self, bucket: Bucket) -> None:
        bucket.add("a/1", b"x")
        (item,) = bucket.list("")
        assert abs(item.time - time.time()) < 600

    def test_list_prefix_and_after(self, bucket: Bucket) -> None:
        keys = [f"log/{number // 10:07}/{number:010}" for number in range(30)]
        keys += ["config", "packs/ab/cd", "packs/ac/00", "log-book", "logs/1"]
        for key in keys:
            bucket.add(key, b"x")
        for prefix, after in LISTINGS:
            expected = sorted(key for key in keys if key.startswith(prefix) and key > after)
            assert [item.key for item in bucket.list(prefix, after)] == expected, (prefix, after)

    def test_list_of_many(self, bucket: Bucket) -> None:
        keys = [f"log/{number // 700:07}/{number:010}" for number in range(self.MANY)]
        for key in keys:
            bucket.add(key, b"x")
        assert [item.key for item in bucket.list("log/")] == keys
        middle = self.MANY * 5 // 6
        assert [item.key for item in bucket.list("log/", keys[middle - 1])] == keys[middle:]

    def test_list_of_nothing(self, bucket: Bucket) -> None:
        assert list(bucket.list("")) == []
        assert list(bucket.list("log/")) == []

    def test_list_while_others_write(self, bucket: Bucket) -> None:
        settled = [f"a/{number:03}" for number in range(0, 100, 2)]
        for key in settled:
            bucket.add(key, b"x")
        done = threading.Event()

        def write() -> None:
            for number in range(1, 100, 2):
                bucket.add(f"a/{number:03}", b"x")
                bucket.add(f"b{number:03}/{number}", b"x")
                bucket.delete(f"a/{number:03}")
            done.set()

        thread = threading.Thread(target=write)
        thread.start()
        try:
            while True:
                last = done.is_set()
                listed = [item.key for item in bucket.list("")]
                assert listed == sorted(set(listed))
                assert set(settled) <= set(listed)
                if last:
                    break
        finally:
            thread.join()
        assert [key for key in listed if key.startswith("a/")] == settled

    def test_a_listing_may_be_left(self, bucket: Bucket) -> None:
        for number in range(20):
            bucket.add(f"a/{number % 4}/{number:03}", b"x")
        listing: Iterator[object] = bucket.list("")
        next(listing)
        del listing
        assert len(list(bucket.list(""))) == 20

    def test_delete(self, bucket: Bucket, raw: Raw) -> None:
        bucket.add("a/1", b"one")
        bucket.add("a/2", b"two")
        assert bucket.get("a/1") == b"one"
        bucket.delete("a/1")
        assert raw("a/1") is None
        with pytest.raises(Missing):
            bucket.get("a/1")
        assert [item.key for item in bucket.list("")] == ["a/2"]
        assert bucket.add("a/1", b"new") is True
        assert bucket.get("a/1") == b"new"

    def test_delete_what_is_not_there(self, bucket: Bucket) -> None:
        bucket.add("a/b/c", b"x")
        for key in ("z", "a/1", "a/b", "a", "z/y/x", "a/b/c/d"):
            bucket.delete(key)
        assert bucket.get("a/b/c") == b"x"

    def test_a_view_outlives_its_object(self, bucket: Bucket) -> None:
        bucket.add("a/1", b"one")
        view = bucket.view("a/1")
        bucket.delete("a/1")
        assert bytes(view) == b"one"

    def test_bad_keys(self, bucket: Bucket) -> None:
        verbs = (bucket.get, bucket.view, bucket.delete, lambda key: bucket.add(key, b"x"))
        accepted = [(verb, key) for verb in verbs for key in BAD_KEYS if not refuses(verb, key)]
        assert accepted == []
        assert list(bucket.list("")) == []

    def test_bad_prefixes(self, bucket: Bucket) -> None:
        prefixes = ["/", "../", "a/../", "a//", ".", "a/.", "-", "a\n", "a\0", "a b", "é", "/etc/"]
        assert [it for it in prefixes if not refuses(lambda prefix: list(bucket.list(prefix)), it)] == []

    def test_many_threads_many_keys(self, bucket: Bucket) -> None:
        def work(name: int) -> None:
            for number in range(30):
                key = f"runs/{name % 3}/{number}/{name}"
                assert bucket.add(key, key.encode())
                assert bucket.get(key) == key.encode()
                if number % 5 == 0:
                    bucket.delete(key)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(list(bucket.list("runs/"))) == 8 * 24
