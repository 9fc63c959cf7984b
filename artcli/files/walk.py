"""The walk: what of the user's sources is not as the stat cache remembers it, in bytewise order of the path.

    for each folder: list it, take its row from the cache, compare                     (most are equal bytes: next)
    merge what came of it with its sub-folders, sorted by name, a folder as "name/"
    that order of visits is the bytewise order of all full paths

One thing does not fit: an empty folder is an entry `d`, which sorts before `d-1`, while the inside of a folder,
`d/…`, sorts behind it. So where such a name stands between them the folder is looked at ahead of its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from artcli.files.compare import FOLDER, GONE, Difference, compare
from artcli.files.ignore import Rules, top_scope
from artcli.files.listing import RECORD_SIZE, Folder, Listing, list_folder
from artcli.files.rows import Row, boot_id
from artcli.files.seen import (
    DIRECTORY,
    NO_STAT,
    Change,
    Gone,
    LeftOut,
    Seen,
    Special,
    Stat,
    Unreadable,
    kind_of,
    special_name,
)
from artcli.files.sources import Source, mount

if TYPE_CHECKING:
    from artcli.files.statcache import StatCache

R = TypeVar("R")

_RECORD = Struct("<4q")
_AHEAD, _AHEAD_OF_FILE = -3, -4
"""Events that stand where a folder's own entry belongs, ahead of its inside; the second where a file was."""


class _Found(NamedTuple):
    """What there is to say about a folder."""

    listing: Listing | None
    difference: Difference
    error: OSError | None


class _Visit:
    """A folder on the way: what is left to report of it."""

    __slots__ = ("ahead", "difference", "folder", "keys", "listing")

    def __init__(self, folder: Folder, found: _Found) -> None:
        self.folder = folder
        self.listing, self.difference, _ = found
        self.ahead: dict[bytes, _Found | None] = {}
        """Sub-folders whose own entry is dealt with apart from their inside; what was found there."""
        self.keys = iter(self._order())

    def _order(self) -> list[bytes]:
        """The names of the events in their order, among them those that look ahead."""
        events = self.difference.events
        keys = sorted(events)
        extra = {}
        for before, key in zip([b"", *keys], keys, strict=False):
            if events[key] != FOLDER or before < key[:-1]:
                continue
            self.ahead[key] = None
            there = events.get(key[:-1])
            if there is None or there == GONE:
                extra[key[:-1]] = _AHEAD if there is None else _AHEAD_OF_FILE
        if not extra:
            return keys
        events.update(extra)
        return sorted(events)

    def below(self, key: bytes) -> Folder:
        """The sub-folder `key`."""
        folder, listing = self.folder, self.listing
        node = folder.node.folders.get(key[:-1]) if folder.node is not None else None
        if listing is None or key not in listing.folders:
            return Folder(folder.key + key, (), node, folder.scope, depth=folder.depth + 1, named=range(0))
        places = listing.folders[key]
        named = range(len(places) - len(node.places), len(places)) if node is not None else range(0)
        if node is not None and not (node.files or node.folders):
            node = None
        scope = listing.scope.below(key)
        return Folder(folder.key + key, places, node, scope, depth=folder.depth + 1, named=named)


class Scan(Generic[R]):
    """One walk over `sources`; iterating yields its changes.

    Without a cache everything is reported. With one, what it vouches for is not. `known_to` turns the page that the
    cache names into the manifest of the version that it describes, `known_root`; None means that it is of no use,
    and everything is reported.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        rules: Rules,
        cache: StatCache | None = None,
        known_to: Callable[[bytes], R | None] | None = None,
        pause: Callable[[], None] | None = None,
    ) -> None:
        """`pause` is called before each folder.

        Raises `NotFoundError` (`no-such-path`), `UsageError` (`two-sources`, `unsafe-path`, `bad-pattern`).
        """
        self._top = mount(sources)
        self._rules = rules
        self._scope = top_scope(rules)
        self._pause = pause
        self._known = cache.tree(sources) if cache is not None else None
        self._boot = boot_id()
        self.known_root: R | None = None
        """The manifest that the changes are edits to; None: they are all there is."""
        if self._known is not None and self._known.root is not None:
            self.known_root = known_to(self._known.root) if known_to is not None else None
            if self.known_root is None:
                self._known.forget()

    def distrust(self, path: bytes) -> None:
        """What was read at `path` is not what the walk saw there: do not vouch for it the next time."""
        if self._known is not None:
            self._known.distrust(path)

    def save(self, root_page: bytes) -> bool:
        """Remember, after a whole walk, that the sources equal the manifest of this page; False if it cannot be kept.

        A failed save loses speed, nothing else.
        """
        return self._known is not None and self._known.save(root_page)

    def __iter__(self) -> Iterator[Change]:
        """Raises `UsageError` (`too-deep`, `two-sources`, `bad-pattern`), `NotFoundError` if a source has gone."""
        if self._known is not None:
            self._known.begin()
        places = tuple(self._top.places)
        node = self._top if self._top.files or self._top.folders else None
        top = Folder(b"", places, node, self._scope, depth=0, named=range(len(places)))
        stack: list[_Visit] = []
        yield from self._enter(stack, top, self._find(top, self._take(b"")), own_entry=False)
        while stack:
            visit = stack[-1]
            for key in visit.keys:
                event = visit.difference.events[key]
                if event >= 0:
                    yield _seen(visit, key, event)
                elif event == FOLDER:
                    yield from self._go_down(stack, visit, key)
                    break
                elif event == GONE:
                    yield Gone(visit.folder.key + key)
                else:
                    yield from self._look_ahead(visit, key, was_file=event == _AHEAD_OF_FILE)
            else:
                stack.pop()

    def _take(self, key: bytes) -> Row | None:
        return self._known.take(key) if self._known is not None else None

    def _find(self, folder: Folder, row: Row | None, *, present: bool = True) -> _Found:
        listing = error = None
        if self._pause is not None:
            self._pause()
        if present:
            try:
                listing = list_folder(folder)
            except OSError as failure:
                error = failure
        return _Found(listing, compare(folder, listing, row, self._boot, self._rules.artifacts), error)

    def _go_down(self, stack: list[_Visit], visit: _Visit, key: bytes) -> Iterator[Change]:
        folder = visit.below(key)
        row = self._take(folder.key)
        found = visit.ahead.pop(key, None) if (settled := key in visit.ahead) else None
        if found is None:
            found = self._find(folder, row, present=key in visit.difference.folders)
        yield from self._enter(stack, folder, found, own_entry=not settled)

    def _look_ahead(self, visit: _Visit, name: bytes, *, was_file: bool) -> Iterator[Change]:
        """Report the own entry of a sub-folder, now, before names that sort behind it."""
        key = name + b"/"
        folder = visit.below(key)
        row = self._known.peek(folder.key) if self._known is not None else None
        found = self._find(folder, row, present=key in visit.difference.folders)
        visit.ahead[key] = found
        yield from _own_entry(folder, found.difference, was_entry=was_file or found.difference.was_empty)

    def _enter(self, stack: list[_Visit], folder: Folder, found: _Found, *, own_entry: bool) -> Iterator[Change]:
        """Remember a folder, report what concerns itself, and put what is in it on the stack."""
        listing, difference, error = found
        if self._known is not None:
            if listing is None:
                self._known.drop(folder.key)
            elif difference.row is not None:
                self._known.stage(folder.key, difference.row)
        if error is not None:
            yield Unreadable(folder.key[:-1], _place(folder), error)
        if listing is not None:
            yield from _notices(folder, listing, difference)
        if own_entry:
            yield from _own_entry(folder, difference, was_entry=difference.was_empty)
        stack.append(_Visit(folder, found))


def _seen(visit: _Visit, name: bytes, number: int) -> Seen:
    listing = visit.listing
    assert listing is not None
    mode = listing.modes[number]
    size, mtime, ctime, inode = _RECORD.unpack_from(listing.records, number * RECORD_SIZE)
    source = _source(visit.folder, listing, name)
    return Seen(visit.folder.key + name, kind_of(mode), source, Stat(size, mtime, ctime, inode, mode))


def _source(folder: Folder, listing: Listing, name: bytes) -> bytes:
    """Where a name of a folder lies on the disk."""
    if listing.elsewhere and (source := listing.elsewhere.get(name)) is not None:
        return source
    return folder.places[0] + name


def _place(folder: Folder) -> bytes:
    return folder.places[0].rstrip(b"/") if folder.places else b""


def _own_entry(folder: Folder, difference: Difference, *, was_entry: bool) -> Iterator[Change]:
    """The change, if any, of the entry that stands for an empty folder."""
    if difference.empty and not difference.was_empty:
        yield Seen(folder.key[:-1], DIRECTORY, _place(folder), NO_STAT)
    elif was_entry and not difference.empty:
        yield Gone(folder.key[:-1])


def _notices(folder: Folder, listing: Listing, difference: Difference) -> Iterator[Change]:
    for name, error in listing.unreadable:
        yield Unreadable(folder.key + name, _source(folder, listing, name), error)
    for name in difference.left_out:
        yield LeftOut(folder.key + name.rstrip(b"/"), _source(folder, listing, name).rstrip(b"/"))
    if difference.special:
        names = listing.split_names()
        for number in difference.special:
            source = _source(folder, listing, names[number])
            yield Special(folder.key + names[number], source, special_name(listing.modes[number]))
