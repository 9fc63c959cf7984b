"""Where bytes lie that are not kept here: what each family of addresses can do, and which family an address is of.

A source is asked three things: what lies at an address, what lies below it, and for its bytes. It answers with what it
says of them at that moment; whether this is what a version recorded is not its business (see `fetch`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeVar

from artcli.content import Buffer
from artcli.errors import ArtError, AuthError, NetworkError, NotFoundError, PartialError
from artcli.flows.references.reference import Reference

PATIENCE = 60.0
"""Seconds without progress after which a source is given up."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 15.0

R = TypeVar("R")


class Found(NamedTuple):
    """Something below an address."""

    path: bytes
    """As seen from there."""
    reference: Reference


class Opened(NamedTuple):
    """Bytes that are on their way."""

    now: Reference
    """What the source says of all of them now."""
    blocks: Iterator[Buffer]
    """From where they were asked for to the end; close it."""


class Source(Protocol):
    """A family of addresses. Any thread may ask.

    All raise `NotFoundError` (`no-such-source`), `AuthError` (`source-denied`), and `NetworkError`
    (`source-unreachable`) where it may help to ask again.
    """

    def describe(self, uri: str) -> Reference | None:
        """What lies there; None if that is no file but has files below it."""

    def below(self, uri: str) -> Iterator[Found]:
        """The files at and below a folder or prefix."""

    def open(self, reference: Reference, start: int) -> Opened:
        """The bytes from `start` on."""


def source_of(reference: Reference) -> Source:
    """The family of its scheme; raises `PartialError` (`unknown-source`), `ArtError` (`extra-missing`)."""
    scheme = reference.scheme
    if scheme == "file":
        from artcli.flows.references.local import Local

        return Local()
    if scheme in ("http", "https"):
        from artcli.flows.references.web import Web

        return Web()
    if scheme in ("s3", "gs", "az"):
        from artcli.flows.references.objects import Objects

        return Objects()
    raise PartialError(
        "unknown-source", f"nothing here brings what lies at an address such as {scheme}://", facts=[reference.uri],
        hint="art help references",
    )  # fmt: skip


def is_known(scheme: str) -> bool:
    """Whether there is a family for it."""
    return scheme in ("file", "http", "https", "s3", "gs", "az")


def missing(uri: str) -> NotFoundError:
    """Nothing lies there."""
    return NotFoundError("no-such-source", f"nothing is there any more, or yet: {uri}", hint="art help references")


def denied(uri: str, why: str) -> AuthError:
    """It may not be read."""
    return AuthError("source-denied", f"{why}: {uri}", hint="art help references")


def unreachable(uri: str, why: str) -> NetworkError:
    """No answer, or none that could be used."""
    return NetworkError("source-unreachable", f"no answer from {uri}: {why}", hint="art help references")


def unreadable(uri: str, why: str) -> ArtError:
    """It is there and cannot be taken for a file."""
    return NotFoundError("no-such-source", f"{why}: {uri}", hint="art help references")


class Patience:
    """How long a source is asked again."""

    def __init__(self) -> None:
        self.moved()

    def moved(self) -> None:
        """There was progress."""
        self._since: float | None = None
        self._wait = FIRST_WAIT

    def wait(self, error: ArtError) -> None:
        """Wait before the next try; raises `error` if it has been too long."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        if now - self._since >= PATIENCE:
            raise error
        time.sleep(min(self._wait * random.uniform(0.5, 1), PATIENCE))
        self._wait = min(self._wait * 2, LONGEST_WAIT)


def patiently(ask: Callable[[], R]) -> R:
    """What `ask` answers; it is asked again where that may help."""
    patience = Patience()
    while True:
        try:
            return ask()
        except NetworkError as error:
            patience.wait(error)
