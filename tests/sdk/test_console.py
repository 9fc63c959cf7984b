"""What a program prints is heard: as it stands on a screen, from the beginning, and at its end."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from artcli.flows.runs.console import LAST
from artcli.sdk import console
from artcli.sdk.console import Capture, Ear


class Heard:
    def __init__(self) -> None:
        self.text = ""

    def __call__(self, kind: str, data: Mapping[str, Any], size: int) -> None:
        assert (kind, len(data["text"])) == ("console", size)
        assert size <= console.LONGEST
        self.text += data["text"]


def test_it_passes_and_is_heard() -> None:
    stream, heard = io.TextIOWrapper(io.BytesIO(), "utf-8"), Heard()
    ear = Ear(stream, "stdout", heard)
    for text in ("1%\r", "2%\r", "\n", "\x1b[31mred\x1b[0m\n", "no end"):
        stream.write(text)
        ear.drain()
    assert heard.text == "2%\n\x1b[31mred\x1b[0m\n"
    ear.stop()
    assert heard.text.endswith("red\x1b[0m\nno end")
    stream.write("after")
    stream.seek(0)
    assert stream.read().endswith("no endafter")
    assert "after" not in heard.text
    assert "write" not in vars(stream)


def test_of_too_much_the_end_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "MOST", 50_000)
    stream, heard = io.TextIOWrapper(io.BytesIO(), "utf-8"), Heard()
    ear = Ear(stream, "stderr", heard)
    for number in range(200_000):
        stream.write(f"{number:07}\n")
    stream.write("Error: the last word\n")
    ear.stop()
    head, _, tail = heard.text.partition("\n[art: ")
    rest = tail.partition("]\n")[2]
    assert head == "".join(f"{number:07}\n" for number in range(6250)).rstrip("\n") + "\n"
    assert rest.endswith("0199999\nError: the last word\n")
    assert LAST <= len(rest) <= 2 * LAST
    assert int(tail.split()[0]) + len(head) + len(rest) == 1_600_000 + 21


def test_streams_are_heard_in_the_order_in_which_they_spoke(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    capture = Capture(heard)
    for number in range(3):
        print(f"step {number}")
        print(f"warning {number}", file=sys.stderr)
    print("no end", end="")
    print("Error", file=sys.stderr)
    capture.stop()
    said = "".join(f"step {number}\nwarning {number}\n" for number in range(3))
    assert heard.text == said + "no endError\n"


@pytest.mark.parametrize("stream", [None, object(), "closed"])
def test_streams_that_cannot_be_heard(stream: object, monkeypatch: pytest.MonkeyPatch) -> None:
    if stream == "closed":
        stream = io.StringIO()
        stream.close()
    heard = Heard()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", None)
    capture = Capture(heard)
    if isinstance(stream, io.StringIO):
        with pytest.raises(ValueError, match="closed"):
            stream.write("x")
    capture.drain()
    capture.stop()
    assert heard.text == ""
