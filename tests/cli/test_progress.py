from __future__ import annotations

import io
import json

import pytest

from artcli.cli.progress import Shown


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def shown(mode: str, clock: Clock) -> tuple[Shown, io.StringIO, list[str]]:
    stream, warnings = io.StringIO(), list[str]()
    return Shown(mode, stream, warnings.append, clock), stream, warnings


@pytest.mark.parametrize("mode", ["plain", "json", "bar", "off"])
def test_quick_work_is_silent(mode: str, clock: Clock) -> None:
    progress, stream, _ = shown(mode, clock)
    progress.phase("hashing", files=2, size=100)
    clock.now += 0.29
    progress.advance(files=2, size=100)
    progress.close()
    assert stream.getvalue() == ""


def test_plain_is_a_line_every_ten_seconds_and_a_last_one(clock: Clock) -> None:
    progress, stream, _ = shown("plain", clock)
    progress.phase("uploading", files=2000, size=3_100_000_000)
    for _ in range(25):
        clock.now += 1
        progress.advance(files=60, size=100_000_000, deduplicated=71_000_000)
    progress.close()
    assert stream.getvalue().splitlines() == [
        "art: uploading  32 %  600/2,000 files  1.0 GB of 3.1 GB  100 MB/s  ETA 0:21  (dedup 71 %)",
        "art: uploading  65 %  1,200/2,000 files  2.0 GB of 3.1 GB  100 MB/s  ETA 0:11  (dedup 71 %)",
        "art: uploading  81 %  1,500/2,000 files  2.5 GB of 3.1 GB  100 MB/s  ETA 0:06  (dedup 71 %)",
    ]


def test_the_rate_forgets_what_was_over_ten_seconds_ago(clock: Clock) -> None:
    progress, stream, _ = shown("json", clock)
    progress.phase("hashing", size=10_000)
    for step in range(40):
        clock.now += 1
        progress.advance(size=200 if step < 20 else 10)
    remaining = json.loads(stream.getvalue().splitlines()[-1])["seconds_remaining"]
    assert remaining == (10_000 - 4200) / 10


def test_json_is_one_status_a_second(clock: Clock) -> None:
    progress, stream, _ = shown("json", clock)
    progress.phase("hashing", files=10)
    for _ in range(30):
        clock.now += 0.1
        progress.advance(files=1, size=10)
    progress.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == 4
    assert lines[-1] == {
        "message_type": "status", "phase": "hashing", "files_done": 30, "total_files": 10, "bytes_done": 300,
        "total_bytes": None, "bytes_deduplicated": 0, "seconds_elapsed": 3.0, "seconds_remaining": None,
    }  # fmt: skip


def test_no_guess_in_the_first_two_seconds(clock: Clock) -> None:
    progress, stream, _ = shown("json", clock)
    progress.phase("hashing", size=1000)
    clock.now += 1.9
    progress.advance(size=500)
    clock.now += 1.0
    progress.advance(size=10)
    assert [json.loads(line)["seconds_remaining"] is None for line in stream.getvalue().splitlines()] == [True, False]


def test_every_phase_counts_anew(clock: Clock) -> None:
    progress, stream, _ = shown("plain", clock)
    for name in ("hashing", "packing"):
        progress.phase(name)
        clock.now += 1
        progress.advance(files=3)
    progress.close()
    progress.close()
    assert stream.getvalue() == "art: hashing  3 files\nart: packing  3 files\n"


def test_the_bar_is_one_line_that_goes_away(clock: Clock) -> None:
    progress, stream, warnings = shown("bar", clock)
    progress.phase("hash\x1b]ing", files=10, size=1000)
    clock.now += 0.5
    progress.advance(files=5, size=500)
    progress.warn("look")
    clock.now += 0.5
    progress.advance(files=5, size=500)
    progress.close()
    assert "5/10 files" in stream.getvalue()
    assert "\x1b]" not in stream.getvalue()
    assert warnings == ["look"]


def test_off_shows_nothing_but_warns(clock: Clock) -> None:
    progress, stream, warnings = shown("off", clock)
    progress.phase("hashing")
    clock.now += 100
    progress.advance(files=1)
    progress.warn("look")
    progress.close()
    assert (stream.getvalue(), warnings) == ("", ["look"])


def test_totals_that_come_later(clock: Clock) -> None:
    progress, stream, _ = shown("plain", clock)
    progress.phase("reading")
    for second in range(10):
        clock.now += 1
        if second == 3:
            progress.expect(files=100, size=2000)
        progress.advance(files=5, size=100)
    assert stream.getvalue() == "art: reading  50 %  50/100 files  1.0 KB of 2.0 KB  100 B/s  ETA 0:10\n"
