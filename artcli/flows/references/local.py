"""file:// — files of this machine, or of a disk that is mounted on it.

The address holds the path with all but plain characters as %XX, whatever the bytes of the name. When one is added, a
path that is there as it was typed is meant so.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Iterator
from urllib.parse import quote, unquote_to_bytes

from artcli.content import Buffer
from artcli.errors import ArtError
from artcli.files import reader
from artcli.files.ignore import Rules
from artcli.files.seen import EXECUTABLE, FILE, SYMLINK, Seen, kind_of, stat_of
from artcli.files.sources import Source as Place
from artcli.files.walk import Scan
from artcli.flows.judge import file_digest
from artcli.flows.references.reference import Reference
from artcli.flows.references.source import Found, Opened, denied, missing, unreachable, unreadable
from artcli.threads import ahead, worker_count

BLOCK = 1 << 20
TRIES = 3
"""How often a file that changes is read."""


class Local:
    """The files of this machine."""

    def describe(self, uri: str) -> Reference | None:
        path = given(uri)
        return None if os.path.isdir(path) else _read(path, address(path))

    def below(self, uri: str) -> Iterator[Found]:
        top = given(uri)
        seen = (
            change
            for change in Scan[None]([Place(top)], Rules.everything())
            if isinstance(change, Seen) and change.kind in (FILE, EXECUTABLE, SYMLINK) and os.path.isfile(change.source)
        )
        return ahead(
            lambda file: Found(file.path, _read(file.source, address(os.path.join(top, file.path)))),
            seen, workers=worker_count(),
        )  # fmt: skip

    def open(self, reference: Reference, start: int) -> Opened:
        path, uri = path_of(reference.uri), reference.uri
        try:
            # a FIFO would make the opening wait
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise _failed(uri, error) from None
        stat = os.fstat(fd)
        if not modes.S_ISREG(stat.st_mode):
            os.close(fd)
            raise unreadable(uri, "that is no file")
        return Opened(Reference(uri, stat.st_size), _blocks(fd, uri, start, stat.st_size))


def given(uri: str) -> bytes:
    """The path that a user means, who may have typed it or taken it from `Path.as_uri()`."""
    typed = os.path.abspath(os.fsencode(uri.partition("://")[2]))
    return typed if os.path.lexists(typed) else path_of(uri)


def path_of(uri: str) -> bytes:
    """The path that an address stands for."""
    return os.path.abspath(unquote_to_bytes(os.fsencode(uri.partition("://")[2])))


def address(path: bytes) -> str:
    """The address of a path."""
    return "file://" + quote(path, safe="/ !$&'()*+,:;=@[]{}^~|`<>")


def _read(path: bytes, uri: str) -> Reference:
    """What is to be recorded of a file, all of which is read."""
    for _ in range(TRIES):
        try:
            real = os.path.realpath(path)
            stat = stat_of(real)
            if kind_of(stat.mode) not in (FILE, EXECUTABLE):
                raise unreadable(uri, "that is no file")
            return Reference(uri, stat.size, digest=file_digest(Seen(path, FILE, real, stat)))
        except reader.Changed:
            pass  # it is looked at and read again, a few times in all
        except OSError as error:
            raise _failed(uri, error) from None
    raise ArtError("unreadable-files", f"it changed each of the {TRIES} times it was read: {uri}")


def _blocks(fd: int, uri: str, start: int, end: int) -> Iterator[Buffer]:
    try:
        while start < end:
            block = os.pread(fd, min(BLOCK, end - start), start)
            if not block:
                return  # it has become shorter, which is seen by whoever counts
            start += len(block)
            yield block
    except OSError as error:
        raise unreachable(uri, error.strerror or str(error)) from None
    finally:
        os.close(fd)


def _failed(uri: str, error: OSError) -> ArtError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENXIO, errno.ENAMETOOLONG, errno.EISDIR, errno.ELOOP):
        return missing(uri)
    if error.errno in (errno.EACCES, errno.EPERM):
        return denied(uri, "it may not be read")
    return unreachable(uri, error.strerror or str(error))
