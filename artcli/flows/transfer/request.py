"""How to transfer, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from artcli.catalog import facts
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Draft, Fact
from artcli.errors import SpaceError
from artcli.flows.transfer.cargo import Selection
from artcli.flows.transfer.copying import Price
from artcli.flows.transfer.rebase import NOTHING, Rebased
from artcli.store.writer import Flushed


class Request(NamedTuple):
    """How to transfer."""

    versions: frozenset[str] | None = None
    """Ids of versions: nothing but these, what is known of them, and the runs that logged them."""
    dry_run: bool = False
    most: int | None = None
    """Bytes, as stored, beyond which nothing is done."""

    def selection(self, catalog: Catalog) -> Selection | None:
        """What is asked for, in the words of this catalogue; None: everything."""
        if self.versions is None:
            return None
        found = (catalog.version(version) for version in sorted(self.versions))
        return Selection.of(catalog, (version for version in found if version is not None))


ALL = Request()


class Transferred(NamedTuple):
    """What a push or a pull has done, or would do."""

    facts: int
    chunks: int
    """That the target did not have."""
    stored: int
    """Their bytes, as stored."""
    dry_run: bool = False
    seconds: float = 0.0
    rebased: Rebased = NOTHING
    """What of this repository's own changes is another now."""


def check_price(price: Price, request: Request) -> None:
    """Raise `SpaceError` (`over-max-bytes`) if more would travel than may."""
    if request.most is not None and price.stored > request.most:
        raise SpaceError(
            "over-max-bytes",
            f"{price.stored:,} bytes would travel, and {request.most:,} at most may",
            hint="art push -n   (tells what would travel)",
        )


def index_fact(flushed: Flushed) -> Sequence[Fact]:
    """The fact that makes the indexes of a flush live, if there are any."""
    if not flushed.add and not flushed.remove:
        return []
    draft = Draft("index", {"add": flushed.add, "remove": flushed.remove})
    return [facts.make(draft, facts.this_actor(), facts.this_machine())]
