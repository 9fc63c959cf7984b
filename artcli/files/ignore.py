"""Which names of a directory are part of a version.

`.artignore` files hold gitignore rules for their own folder and all below; a deeper file overrules a higher one,
the last matching line of a file decides, and nothing below an ignored folder is looked at. `--exclude` takes more
away, `--include` keeps only what matches; both are gitignore patterns from the top of the version. A file that the
user names as a source is exempt from `.artignore`. `.art` is never part of a version.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from artcli.content import digest_of
from artcli.errors import UsageError
from artcli.files.patterns import Patterns

IGNORE_FILE = b".artignore"
IGNORE_FILE_LIMIT = 1 << 20
"""Bytes of an `.artignore`; a longer one is a mistake."""

TEMPORARY = re.compile(rb"\.art-[0-9a-f]{16}\.tmp")
"""Names under which files are written before they replace another one."""


def temporary_name() -> bytes:
    """A fresh one."""
    return b".art-%s.tmp" % os.urandom(8).hex().encode()


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

    __slots__ = ("_exclude", "_files", "_include", "_key", "fingerprint", "included", "reads_files")

    def __init__(
        self,
        key: str,
        files: tuple[tuple[int, Patterns], ...],
        exclude: Patterns | None,
        include: Patterns | None,
        *,
        reads_files: bool,
        included: bool,
        fingerprint: bytes,
    ) -> None:
        self._key = key
        self._files = files
        self._exclude = exclude
        self._include = include
        self.reads_files = reads_files
        self.included = included
        """What is in the folder is included unless more is said: no `--include` was given, or one matches it."""
        self.fingerprint = fingerprint
        """8 bytes: the same rules in the same folder have the same."""

    @property
    def keeps_all(self) -> bool:
        """No rule takes any name away here."""
        return not self._files and self._exclude is None and self._include is None

    def with_file(self, content: bytes, where: str) -> Scope:
        """These rules and the `.artignore` of this folder; `where` it is, for messages."""
        return Scope(
            self._key,
            ((len(self._key), Patterns(_lines(content), where)), *self._files),
            self._exclude,
            self._include,
            reads_files=self.reads_files,
            included=self.included,
            fingerprint=digest_of(self.fingerprint + os.fsencode(self._key) + b"\0" + content)[:8],
        )

    def below(self, name: bytes) -> Scope:
        """The rules in the folder `name` (with its slash) of this folder."""
        if self.keeps_all and not self.reads_files:
            return self
        path = self._key + os.fsdecode(name[:-1])
        return Scope(
            path + "/",
            self._files,
            self._exclude,
            self._include,
            reads_files=self.reads_files,
            included=self._is_included(path, folder=True),
            fingerprint=self.fingerprint,
        )

    def keeps(self, name: bytes, *, named: bool) -> bool:
        """Whether a name, a folder's with its slash, is part. Folders are looked into even if only files are included.

        `named`: the user gave it himself, which outweighs `.artignore`.
        """
        if self.keeps_all:
            return True
        folder = name.endswith(b"/")
        path = self._key + os.fsdecode(name[:-1] if folder else name)
        if self._exclude is not None and self._exclude.verdict(path, folder=folder):
            return False
        if not named and self._is_ignored(path, folder):
            return False
        return folder or self._is_included(path, folder=False)

    def _is_ignored(self, path: str, folder: bool) -> bool:
        for start, patterns in self._files:
            ignored = patterns.verdict(path[start:], folder=folder)
            if ignored is not None:
                return ignored
        return False

    def _is_included(self, path: str, *, folder: bool) -> bool:
        verdict = self._include.verdict(path, folder=folder) if self._include is not None else None
        return self.included if verdict is None else verdict


def top_scope(rules: Rules) -> Scope:
    """The rules at the top of a version; raises `UsageError` (`bad-pattern`)."""
    return Scope(
        "",
        (),
        Patterns(rules.exclude, "--exclude") if rules.exclude else None,
        Patterns(rules.include, "--include") if rules.include else None,
        reads_files=rules.ignore_files,
        included=not rules.include,
        fingerprint=digest_of(repr(tuple(rules)).encode("utf-8", "backslashreplace"))[:8],
    )


def _lines(content: bytes) -> list[str]:
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return [line.removesuffix("\r") for line in text.split("\n")]


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
