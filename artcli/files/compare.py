"""One folder then and now: which of its names are to be reported.

A folder that equals its row in names, stats, rules and device is unchanged. Otherwise the names are paired in the
order of the listing. That order is mostly kept when names come and go, so that what must be remembered until its
partner turns up stays small even in a folder of a million names.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from artcli.files.ignore import TEMPORARY
from artcli.files.listing import FIELDS, RECORD_SIZE, Folder, Listing
from artcli.files.rows import Row, pack_row
from artcli.files.seen import SPECIAL, kind_of

GONE = -1
"""An event of a name that was an entry and is none any more."""
FOLDER = -2
"""An event of a sub-folder that is or was part."""

ARTIFACTS = b"artifacts/"
_NO_RECORD = array("q", bytes(RECORD_SIZE))
_BLOCK = 1024
"""Records compared at a time."""


class Difference:
    """What to report of a folder."""

    __slots__ = ("empty", "events", "folders", "left_out", "row", "special", "was_empty")

    def __init__(self) -> None:
        self.events: dict[bytes, int] = {}
        """By name: number in the listing of a new or changed file, `GONE`, or `FOLDER` (a name with its slash)."""
        self.folders: set[bytes] = set()
        """Those sub-folders that are part now; the others were."""
        self.special: list[int] = []
        """The numbers of special files."""
        self.left_out: list[bytes] = []
        """Names that no rule of the user's leaves out."""
        self.empty = False
        self.was_empty = False
        """The folder itself is, was, an entry of the version."""
        self.row: bytes | None = None
        """The row to remember, if it is another than before."""


def compare(folder: Folder, listing: Listing | None, row: Row | None, boot: bytes, artifacts: bool) -> Difference:
    """What is new or changed in `listing` (None: the folder has gone) against `row` (None: nothing is known).

    `boot` is the machine's start as in a row; `artifacts` tells that a folder of this name at the top is part.
    """
    difference = Difference()
    if row is not None:
        difference.was_empty = row.empty
        difference.events = dict.fromkeys(row.split_folders(), FOLDER)
    if listing is None:
        if row is not None:
            difference.events.update((name, GONE) for name in _entries(row))
        return difference
    _note_left_out(folder, listing, difference, artifacts)
    if row is not None and _is_same(listing, row, boot):
        difference.empty = row.empty
        difference.folders = set(difference.events)
        return difference
    _Comparison(listing, row, boot, difference).run()
    return difference


def _entries(row: Row) -> Iterator[bytes]:
    """The files of a row that the version has."""
    absent = {*row.left, *row.special}
    for i, name in enumerate(row.split_names()):
        if i not in absent and not name.endswith(b"/"):
            yield name


def _is_same(listing: Listing, row: Row, boot: bytes) -> bool:
    if (row.fingerprint, row.dev, row.names) != (listing.scope.fingerprint, listing.dev, listing.names):
        return False
    for i in row.left:
        listing.records[i * FIELDS : (i + 1) * FIELDS] = _NO_RECORD
    return listing.records.tobytes() == row.believed_records(boot)


def _note_left_out(folder: Folder, listing: Listing, difference: Difference, artifacts: bool) -> None:
    if folder.named and not artifacts and ARTIFACTS in listing.folders and ARTIFACTS not in listing.named:
        difference.left_out.append(ARTIFACTS)
    if b".art-" in listing.names:
        difference.left_out += filter(TEMPORARY.fullmatch, listing.split_names())


class _Comparison:
    """The comparison of a folder that is not as it was."""

    def __init__(self, listing: Listing, row: Row | None, boot: bytes, difference: Difference) -> None:
        self.listing = listing
        self.row = row
        self.boot = boot
        self.difference = difference
        self.reserved = {b".art", b".art/", *difference.left_out}
        self.same_rules = row is not None and row.fingerprint == listing.scope.fingerprint
        self.same_place = row is not None and row.dev == listing.dev
        self.old_left = set(row.left) if row else set()
        self.old_special = set(row.special) if row else set()
        self.old_young = set(row.young) if row else set()
        self.left: set[int] = set()
        self.young: set[int] = set()
        """Files that were young when they were last looked at, and are still vouched for."""

    def run(self) -> None:
        listing, row, difference = self.listing, self.row, self.difference
        same_names = row is not None and row.names == listing.names and self.same_rules and self.same_place
        if row is None:
            self._all_new(listing.split_names())
        elif same_names:
            self._same_names(listing.split_names(), row)
        else:
            self._pair(row)
        difference.empty = len(self.left) + len(difference.special) == listing.count and listing.scope.included
        fresh = [i for i in difference.events.values() if i >= 0]
        if same_names and not fresh and self.old_special == set(difference.special):
            return
        difference.row = pack_row(
            fingerprint=listing.scope.fingerprint,
            dev=listing.dev,
            boot=self.boot,
            empty=difference.empty,
            names=listing.names,
            folders=sorted(difference.folders),
            left=self.left,
            special=difference.special,
            young=self.young,
            fresh=fresh,
            records=array("q", listing.records),
            time=listing.time,
        )

    def _all_new(self, names: list[bytes]) -> None:
        if not self.listing.scope.keeps_all or self.difference.left_out or b".art" in self.listing.names:
            for i, name in enumerate(names):
                self._new(i, name)
            return
        events = self.difference.events
        for i, (name, mode) in enumerate(zip(names, self.listing.modes, strict=True)):
            if mode & 0o170000 == 0o100000:
                events[name] = i
            else:
                self._add(i, name, was_entry=False)

    def _same_names(self, names: list[bytes], row: Row) -> None:
        self.left = self.old_left
        self.young = self.old_young.copy()
        self.difference.folders.update(self.difference.events)
        for i in _differing(self.listing.records.tobytes(), row.believed_records(self.boot)):
            self.young.discard(i)
            self._both(i, names[i], i, same=False)

    def _pair(self, row: Row) -> None:
        """Find for each name of the listing the one of the row; stats are compared where both are known."""
        new, old = self.listing.records.tobytes(), row.believed_records(self.boot)
        waiting: dict[bytes, int] = {}
        early: dict[bytes, int] = {}

        def both(i: int, name: bytes, j: int) -> None:
            self._both(i, name, j, same=self.same_place and _record(new, i) == _record(old, j))

        def old_name(name: bytes, j: int) -> None:
            if name in waiting:
                both(waiting.pop(name), name, j)
            else:
                early[name] = j

        old_names = enumerate(_split(row.names))
        for i, name in enumerate(_split(self.listing.names)):
            if name not in early:
                j, other = next(old_names, (-1, b""))
                if j >= 0 and other != name:
                    old_name(other, j)
                elif j >= 0:
                    both(i, name, j)
                    continue
            if name in early:
                both(i, name, early.pop(name))
            else:
                waiting[name] = i
        for j, other in old_names:
            old_name(other, j)
        for name, j in early.items():
            if self._was_entry(name, j):
                self.difference.events[name] = GONE
        for name, i in waiting.items():
            self._new(i, name)

    def _was_entry(self, name: bytes, j: int) -> bool:
        return j not in self.old_left and j not in self.old_special and not name.endswith(b"/")

    def _is_part(self, name: bytes) -> bool:
        return name not in self.reserved and self.listing.scope.keeps(name, named=name in self.listing.named)

    def _new(self, i: int, name: bytes) -> None:
        if self._is_part(name):
            self._add(i, name, was_entry=False)
        else:
            self.left.add(i)

    def _both(self, i: int, name: bytes, j: int, *, same: bool) -> None:
        """A name that is number `i` of the listing and was number `j` of the row; `same`: its stat is believed."""
        was_entry = self._was_entry(name, j)
        part = j not in self.old_left if self.same_rules else self._is_part(name)
        if not part:
            self.left.add(i)
            if was_entry:
                self.difference.events[name] = GONE
        elif not (same and was_entry):
            self._add(i, name, was_entry=was_entry)
        elif j in self.old_young:
            self.young.add(i)

    def _add(self, i: int, name: bytes, *, was_entry: bool) -> None:
        """Report a name that is part."""
        if name.endswith(b"/"):
            self.difference.events[name] = FOLDER
            self.difference.folders.add(name)
        elif kind_of(self.listing.modes[i]) == SPECIAL:
            self.difference.special.append(i)
            if was_entry:
                self.difference.events[name] = GONE
        else:
            self.difference.events[name] = i


def _split(names: bytes) -> Iterator[bytes]:
    """Names joined by NUL, one after the other: a list of them would take four times as much memory."""
    start = 0
    while start < len(names):
        end = names.find(b"\0", start)
        end = len(names) if end < 0 else end
        yield names[start:end]
        start = end + 1


def _record(records: bytes, i: int) -> bytes:
    return records[i * RECORD_SIZE : (i + 1) * RECORD_SIZE]


def _differing(new: bytes, old: bytes) -> Iterator[int]:
    """The numbers of the records that differ between two columns of equal length."""
    step = _BLOCK * RECORD_SIZE
    for start in range(0, len(new), step):
        if new[start : start + step] != old[start : start + step]:
            first = start // RECORD_SIZE
            for i in range(first, min(first + _BLOCK, len(new) // RECORD_SIZE)):
                if _record(new, i) != _record(old, i):
                    yield i
