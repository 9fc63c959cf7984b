"""Which names of a directory are part of a version.

`.artignore` files hold gitignore rules for their own folder and all below; a deeper file overrules a higher one,
the last matching line of a file decides, and nothing below an ignored folder is looked at. `--exclude` takes more
away, `--include` keeps only what matches; both are gitignore patterns from the top of the version. A file that the
user names as a source is exempt from `.artignore`. `.art` is never part of a version.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from artcli.content import digest_of
from artcli.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = b".artignore"
IGNORE_FILE_LIMIT = 1 << 20
"""Bytes of an `.artignore`; a longer one is a mistake."""

TEMPORARY = re.compile(rb"\.art-[0-9a-f]{16}\.tmp")
"""Names under which files are written before they replace another one."""


class Rules(NamedTuple):
    """What the command line says about names."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ignore_files: bool = True
    """False: `.artignore` files are plain files."""
    artifacts: bool = False
    """A folder `artifacts` at the top of a source is part like any other."""

    @classmethod
    def everything(cls) -> Rules:
        """Rules that take nothing away, for a directory that holds a version."""
        return cls(ignore_files=False, artifacts=True)


class Scope:
    """The rules as they hold in one folder."""

    __slots__ = ("_above", "_exclude", "_include", "_key", "fingerprint", "reads_files", "within")

    def __init__(
        self,
        key: str,
        above: tuple[tuple[int, GitIgnoreSpec], ...],
        exclude: GitIgnoreSpec | None,
        include: GitIgnoreSpec | None,
        *,
        reads_files: bool,
        within: bool,
        fingerprint: bytes,
    ) -> None:
        self._key = key
        self._above = above
        self._exclude = exclude
        self._include = include
        self.reads_files = reads_files
        self.within = within
        """The folder itself is included: no `--include` was given, or one matches it."""
        self.fingerprint = fingerprint
        """8 bytes: the same rules in the same folder have the same."""

    @property
    def keeps_all(self) -> bool:
        """No rule takes any name away here."""
        return not self._above and self._exclude is None and self._include is None

    def with_file(self, content: bytes, name: str) -> Scope:
        """These rules and the `.artignore` of this folder; `name` is for messages."""
        spec = compile_patterns(content.decode("utf-8", "surrogateescape").splitlines(), name)
        return Scope(
            self._key,
            ((len(self._key), spec), *self._above),
            self._exclude,
            self._include,
            reads_files=self.reads_files,
            within=self.within,
            fingerprint=digest_of(self.fingerprint + os.fsencode(self._key) + b"\0" + content)[:8],
        )

    def below(self, name: bytes) -> Scope:
        """The rules in the folder `name` (with its slash) of this folder."""
        if self.keeps_all and not self.reads_files:
            return self
        key = self._key + os.fsdecode(name)
        return Scope(
            key,
            self._above,
            self._exclude,
            self._include,
            reads_files=self.reads_files,
            within=self._include is None or self._include.match_file(key),
            fingerprint=self.fingerprint,
        )

    def decider(self) -> Callable[[bytes, bool], bool]:
        """A function (name, named by the user) that tells whether a name, a folder's with its slash, is part."""
        if self.keeps_all:
            return lambda name, named: True
        return self._keeps

    def _keeps(self, name: bytes, named: bool) -> bool:
        path = self._key + os.fsdecode(name)
        if self._exclude is not None and self._exclude.match_file(path):
            return False
        if not named:
            for start, spec in self._above:
                ignored = spec.check_file(path[start:]).include
                if ignored:
                    return False
                if ignored is False:
                    break
        return self._include is None or name.endswith(b"/") or self._include.match_file(path)


def top_scope(rules: Rules) -> Scope:
    """The rules at the top of a version."""
    include = compile_patterns(rules.include, "--include") if rules.include else None
    exclude = compile_patterns(rules.exclude, "--exclude") if rules.exclude else None
    return Scope(
        "",
        (),
        exclude,
        include,
        reads_files=rules.ignore_files,
        within=include is None,
        fingerprint=digest_of(repr(tuple(rules)).encode("utf-8", "backslashreplace"))[:8],
    )


def compile_patterns(lines: Sequence[str], name: str) -> GitIgnoreSpec:
    """gitignore patterns; raises `UsageError` naming `name` and the bad line."""
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        bad = next((line for line in lines if not _compiles(line)), "")
        raise UsageError("bad-pattern", f"not a pattern in {name}: {bad!r}") from error


def _compiles(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def read_ignore_file(source: bytes) -> bytes | None:
    """The bytes of an `.artignore`; None if it is no regular file (a link is an entry, not followed) or has gone."""
    try:
        fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        if os.path.islink(source):
            return None
        raise
    with open(fd, "rb") as file:
        if not os.path.isfile(fd):
            return None
        content = file.read(IGNORE_FILE_LIMIT + 1)
    if len(content) > IGNORE_FILE_LIMIT:
        raise UsageError("bad-pattern", f"longer than 1 MiB: {os.fsdecode(source)!r}")
    return content
