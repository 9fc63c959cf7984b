"""Versions of references, and what is brought of them."""

from __future__ import annotations

from typing import Any

import pytest

from artcli.catalog import manifest
from artcli.catalog.catalog import Version
from artcli.catalog.manifest import Entry
from artcli.errors import ArtError
from artcli.flows import cat, use
from artcli.flows.log_artifact import Request, log_artifact
from artcli.flows.references.add import Referred
from artcli.flows.references.reference import Reference, of
from artcli.flows.use import Used
from tests.flows.shelf import Shelf
from tests.flows.workshop import PROJECT


def refer(shelf: Shelf, *asked: Referred | str, name: str = "far", **request: Any) -> Version:
    """A version of what these refer to."""
    found = [Referred(item) if isinstance(item, str) else item for item in asked]
    logged = log_artifact(shelf.repository, Request(name, PROJECT, references=found, workers=2, **request))
    assert logged.version is not None
    return logged.version


def refused(shelf: Shelf, *asked: Referred | str, **request: Any) -> ArtError:
    with pytest.raises(ArtError) as caught:
        refer(shelf, *asked, **request)
    return caught.value


def said(shelf: Shelf, version: Version) -> dict[str, Reference]:
    """What a version says of its references."""
    found = manifest.entries(shelf.repository.store, version.root)
    return {entry.path.decode(): of(entry) for entry in found if entry.kind == manifest.REFERENCE}


def bring(shelf: Shelf, ref: str = "far", to: str = "here", **request: Any) -> Used:
    return use.use(shelf.repository, use.Request(ref, PROJECT, shelf.directory, root=shelf.directory / to, **request))


def slugs(used: Used) -> dict[str, str]:
    """Why what was not brought was not."""
    return {item.path.decode(): item.error.slug for item in used.unbrought}


def read(shelf: Shelf, ref: str, span: str | None = None) -> bytes:
    (opened,) = cat.find(shelf.repository, [ref], PROJECT, cat.span(span) if span else None)
    return b"".join(cat.read(shelf.repository, opened, workers=2))


def entry(shelf: Shelf, version: Version, path: str) -> Entry:
    found = manifest.find(shelf.repository.store, version.root, path.encode())
    assert found is not None
    return found
