"""The errors of `art`, grouped by what a handler would do about them.

    ArtError                  1   something failed
    ├── UsageError            2   the command line or a value in it is wrong
    ├── PartialError          3   some files failed, the rest was done
    ├── CommError                 what is asked for cannot be had: W&B's word for three of them
    │   ├── AuthError         4   login needed, or not permitted
    │   ├── NotFoundError     5   no such artifact, alias, run, path or remote
    │   └── NetworkError      8   a remote does not answer; trying again makes sense
    ├── ConflictError         6   what is there does not agree with what is asked
    ├── IntegrityError        7   bytes are not what their name says
    ├── SpaceError            9   disk full or quota used up
    ├── NoRepositoryError    10   not inside a repository
    └── LockedError          11   somebody else holds the lock

The precise kind of failure is the `slug`: stable, explained by `art help SLUG`. A library function raises; only
the command line prints. `Error` is what programs written for W&B catch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class ArtError(Exception):
    """A failure that a user can understand and act on.

    `slug` names the kind of failure and never changes; `message` is one sentence in lower case without a full stop;
    `facts` are lines that say what exists instead; `hint` is a command to paste.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, slug: str, message: str, *, facts: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.slug = slug
        self.message = message
        self.facts = tuple(facts)
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), self.slug, self.message, self.facts, self.hint)


class ArtWarning(UserWarning):
    """Something that the user should know though the work goes on; the command line says it once a command."""


def _again(kind: type[ArtError], slug: str, message: str, facts: Sequence[str], hint: str | None) -> ArtError:
    """The same error in another process."""
    return kind(slug, message, facts=facts, hint=hint)


class UsageError(ArtError):
    exit_code = 2


class PartialError(ArtError):
    exit_code = 3


class CommError(ArtError):
    """What W&B's programs catch when an artifact does not exist yet, or nobody answers."""


class AuthError(CommError):
    exit_code = 4


class NotFoundError(CommError):
    exit_code = 5


class ConflictError(ArtError):
    exit_code = 6


class IntegrityError(ArtError):
    exit_code = 7


class NetworkError(CommError):
    exit_code = 8


UNREADABLE = (IntegrityError, NetworkError)
"""What reading raises of bytes that are damaged, gone, or in a place that cannot be reached."""


class SpaceError(ArtError):
    exit_code = 9


class NoRepositoryError(ArtError):
    exit_code = 10


class LockedError(ArtError):
    exit_code = 11


Error = ArtError
