"""What a command writes becomes records: as it would stand on a screen, whole, and never too much."""

from __future__ import annotations

import threading
import time

from hypothesis import example, given
from hypothesis import strategies as st

from artcli.flows.runs import console
from artcli.flows.runs.console import Scroll, shown


def recorded(*parts: bytes, most: int = console.MOST) -> str:
    """What is recorded of parts that are taken one by one."""
    scroll = Scroll(threading.Event(), most)
    found = []
    for part in parts:
        scroll.add("stdout", part)
        found += scroll.take()
    found += scroll.take(end=True)
    assert all(len(record.data["text"]) <= console.PIECE for record in found)
    return "".join(record.data["text"] for record in found)


def seen(text: str) -> str:
    """What stands on a screen in the end."""
    return "\n".join(map(shown, text.split("\n")))


def test_a_progress_bar_is_its_last_line() -> None:
    bar = [b"\rEpoch 1: %d%%" % number for number in range(101)]
    assert recorded(b"begin\n", *bar, b"\n", b"a\r\nb\r\n", b"x\r", b"yes\n") == "begin\nEpoch 1: 100%\na\r\nb\r\nyes\n"
    assert recorded(*bar) == "Epoch 1: 100%"
    assert recorded(b"a\r", b"\n") == "a\r\n"


def test_a_line_without_an_end_is_told_at_once() -> None:
    scroll = Scroll(threading.Event())
    scroll.add("stdout", b"Name? ")
    assert [record.data["text"] for record in scroll.take()] == ["Name? "]
    assert recorded(b"Loading", b"\r1%", b"\r99%", b"\rdone\n", b"a\rb\n") == "Loading\rdone\nb\n"


def test_colours_and_what_is_no_text() -> None:
    assert recorded(b"\x1b[31mred\x1b[0m\n", b"\xc3", b"\xbc\xff", b"\xc3") == "\x1b[31mred\x1b[0m\nü\ufffd\ufffd"


@example(["a", "a\r"])
@given(st.lists(st.text(alphabet="ab\r\n", max_size=6), max_size=12))
def test_what_is_recorded_looks_like_what_was_written(parts: list[str]) -> None:
    assert seen(recorded(*[part.encode() for part in parts])) == seen("".join(parts))


def test_of_too_much_the_beginning_and_the_end_are_recorded() -> None:
    lines = [b"%07d\n" % number for number in range(200_000)]
    blocks = [b"".join(lines[start : start + 1000]) for start in range(0, len(lines), 1000)]
    text = recorded(*blocks, b"Error: the last word\n", most=80_004)
    head, gap, tail = text.partition("\n[art: ")
    assert head == "".join(f"{number:07}\n" for number in range(10_000)) + "0010"
    lost = int(gap and tail.split()[0])
    rest = tail.partition("]\n")[2]
    assert rest.endswith("0199999\nError: the last word\n")
    assert console.LAST <= len(rest) <= console.LAST + console.PIECE
    assert lost + len(head) + len(rest) == 1_600_000 + 21
    assert recorded(b"a" * 100, b"b" * 100, most=50) == "a" * 100 + "b" * 100


def test_streams_do_not_mix() -> None:
    scroll = Scroll(threading.Event())
    for _ in range(3):
        scroll.add("stdout", b"\xc3")
        scroll.add("stderr", b"e\r")
        scroll.add("stdout", b"\xbc")
    found = scroll.take() + scroll.take(end=True)
    said = {name: "".join(r.data["text"] for r in found if r.data["stream"] == name) for name in ("stdout", "stderr")}
    assert said == {"stdout": "üüü", "stderr": "e\r"}


def test_megabytes_a_second_take_less_than_one() -> None:
    scroll = Scroll(threading.Event())
    begun = time.thread_time()
    for _ in range(30):
        scroll.add("stdout", b"".join(b"\r%d" % number for number in range(20_000)) + b"\n" + b"x" * 100_000)
        scroll.take()
    assert time.thread_time() - begun < 1.0
