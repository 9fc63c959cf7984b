"""A place looked at from outside, without a repository of one's own: the mirror of its log, and what hangs on it.

It answers as a repository does, for as long as nothing is to be written. What it keeps lies in a folder of the user's
cache, one for each place, and may be deleted at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from artcli.buckets.bucket import Bucket
from artcli.catalog.facts import Fact
from artcli.catalog.fold import check_required
from artcli.catalog.place import Place
from artcli.catalog.repository import Plan, Repository, read_place
from artcli.errors import ConflictError, UsageError
from artcli.store.store import Store


class View(Repository):
    """An open view; `close` it."""

    def __init__(self, folder: Path, bucket: Bucket, *, read: bool = True) -> None:
        """`folder`: of the user's cache, for the views of all places; `read`: its log is read to the end now.

        Raises as `read_place`, `Place.fetch` and `Place.check`.
        """
        place = read_place(bucket)
        self.path = folder / place
        self.path.mkdir(parents=True, exist_ok=True)
        self.place = place
        self.bucket = bucket
        self.seen = Place(self.path, place, bucket)
        """The place itself."""
        self.log = self.seen.mirror
        self.follower = self.seen.follower
        if read:
            self.refresh()

    @property
    def store(self) -> Store:
        """The chunks that are there."""
        return self.seen.store

    def refresh(self) -> None:
        """Read its log to the end; raises as the constructor does."""
        try:
            self.seen.fetch()
            self.seen.check()
        except ConflictError as error:
            error.facts = (*error.facts, f"what was seen of it before is in {self.path}: remove that to look anew")
            raise
        check_required(self.follower.database, writing=False)

    def commit(self, plan: Plan) -> list[Fact]:
        """Raises `UsageError` (`only-a-view`)."""
        raise only_a_view()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep gc of a working repository away from what the block reads."""
        with self.seen.at_work():
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Raises `UsageError` (`only-a-view`)."""
        raise only_a_view()
        yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Raises `UsageError` (`only-a-view`)."""
        raise only_a_view()
        yield

    def close(self) -> None:
        self.seen.close()


def only_a_view(possible: Iterable[str] = ()) -> UsageError:
    """The error for what would write; `possible`: commands that work instead."""
    return UsageError(
        "only-a-view",
        "another place is only looked at through -C URL",
        facts=[
            *([f"possible: {', '.join(sorted(possible))}"] if possible else []),
            "for all else: art clone URL; versions come there by art push, from a repository of your own",
        ],
        hint="art help only-a-view",
    )
