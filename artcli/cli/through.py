"""`art -C URL`: the place that a command looks into, instead of a repository of the user's."""

from __future__ import annotations

from pathlib import Path

from artcli.buckets.urls import Access, open_bucket
from artcli.catalog.view import View, only_a_view
from artcli.cli.commands import THROUGH_A_URL
from artcli.settings import Settings, cache_folder, find_repository


def looked_into(url: str | None, command: str) -> str | None:
    """The URL of the place: the one given, or that of the directory `-C` has led to, if that itself is a place.

    Raises `UsageError` (`only-a-view`) for a command that another place cannot serve.
    """
    here = Path.cwd()
    if url is None and _is_place(here):
        url = here.as_uri()
    if url is not None and command not in THROUGH_A_URL:
        raise only_a_view(THROUGH_A_URL)
    return url


def _is_place(directory: Path) -> bool:
    """Whether the directory itself is a place that others share, and none with a repository in or above it."""
    return (directory / "config").is_file() and (directory / "packs").is_dir() and find_repository(directory) is None


def view(url: str, settings: Settings, *, read: bool = True) -> View:
    """The place at `url`; `read`: its log is read to the end. Raises as `open_bucket` and `View`."""
    bucket = open_bucket(url, access=Access(patience=settings.number("patience")))
    return View(cache_folder() / "places", bucket, read=read)
