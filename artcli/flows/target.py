"""What `use` is to bring: the manifest of a version, or of a part of it, and where its pages are."""

from __future__ import annotations

from artcli.catalog import manifest
from artcli.catalog.catalog import Version
from artcli.catalog.manifest import PageSource, Root
from artcli.catalog.repository import Repository
from artcli.catalog.view import View
from artcli.errors import NotFoundError
from artcli.flows.overlay import Overlay
from artcli.flows.part import Part, selected


def target_of(repository: Repository, version: Version, part: Part) -> tuple[Root, PageSource]:
    """The manifest to bring, and where its pages are: a part of a version is a manifest of its own, in memory.

    Pages that are elsewhere are kept here from now on: a directory that holds the version is compared with them.
    Raises `NotFoundError` (`no-such-path`).
    """
    if part.path is None and repository.is_shared:
        from artcli.flows.transfer import keep_manifest  # what most calls need not load

        keep_manifest(repository, version.root.page)
    if part.is_all:
        return version.root, repository.store
    pages = Overlay(repository.store)
    root = manifest.build(pages, selected(repository.store, version, part.only, part.path))
    if not root.entries:
        named = None if part.path is None else f"path {manifest.shown(part.path)!r}"
        what = named or f"path that matches {', '.join(part.only)}"
        raise NotFoundError("no-such-path", f"{version.ref} has no {what}", hint=f"art ls {version.ref}")
    return root, pages


def pages_of(repository: Repository, version: Version) -> PageSource:
    """Where the manifest of the version is read: of a place that is far away, its pages come here first, together."""
    if not isinstance(repository, View) or not repository.store.asks_together:
        return repository.store
    from artcli.flows.transfer import kept_pages

    return kept_pages(repository, version.root.page)
