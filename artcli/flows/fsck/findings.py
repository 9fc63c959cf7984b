"""What fsck tells: what is damaged, and what of the user's is touched by that."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """Something damaged in the repository, or a file of a version that is touched by damage.

    `what` is `config`, `log`, `segment`, `index`, `pack`, `cache` (a file of the repository), `chunk` (nothing has it),
    or, with `version`, `file` (one path), `files` (those that a lost page lists), `version` (all of it), `text` (said
    of it, or of the artifact that `version` names then) and `records` (said by a run: `version` is `run:` and its id).
    """

    what: str
    key: str | bytes
    """The file below `.art`; the digest of the chunk or text; the path in the version."""
    code: str
    """The kind of damage, as errors have it."""
    why: str
    version: str | None = None
    project: str | None = None
    cause: str | None = None
    """The `key` of the damage that touches it."""


class Mended(NamedTuple):
    """Something that the repair has done."""

    what: str
    key: str
    how: str
    lost: bool = False
    """It says what is gone for good."""
