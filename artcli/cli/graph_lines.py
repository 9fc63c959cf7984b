"""The lines of a picture of the lineage, for `art graph` and `art log --graph`."""

from __future__ import annotations

from collections.abc import Iterator

from artcli.cli.console import Console
from artcli.flows.lineage import drawing
from artcli.flows.lineage.graph import Picture


def lines(console: Console, picture: Picture, *, newest_first: bool = False, times: bool = False) -> Iterator[str]:
    """One a box, and an empty one before each box that nothing leads to; `times`: with when it was."""
    for number, (rails, mark, box, beside, is_root) in enumerate(drawing.tree(picture, newest_first=newest_first)):
        if is_root and number:
            yield ""
        name = console.style(box.label, "bold") if box.focus else box.label
        state = drawing.said(box)
        words = [f"{console.style(rails, 'dim') if rails else ''}{mark} {name}"]
        words += [console.style(state, "red") if drawing.is_faint(box) else state] if state else []
        words += [console.when(box.time)] if times and box.time else []
        words += [console.style(beside, "dim")] if beside else []
        yield "  ".join(words)
