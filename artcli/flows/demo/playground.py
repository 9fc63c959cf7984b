"""A small repository to play with, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

from artcli.errors import ConflictError
from artcli.flows.demo.car import car
from artcli.flows.demo.steps import Step

TRY: tuple[tuple[str, str], ...] = (
    ("art ls", "what there is"),
    ("art ls dataset", "its versions, and what each has added"),
    ("art log dataset", "who did what, when"),
    ("art diff dataset:v0 dataset:latest --stat", "what has changed"),
    ("art use model:best", "its files, in the folder that is printed"),
    ("art show model:best --field metadata.error_pixels", "a fact about it"),
    ("art verify dataset", "is every byte what it was?"),
    ("art help", "all commands"),
)
"""First commands for a newcomer in the playground, each with what it answers."""


def playground(directory: Path) -> list[Step]:
    """Make `directory` and give the story that fills it: dataset:v0 … v4 and model:v0, v1.

    Raises ConflictError("destination-not-empty") where something is already.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        taken = any(directory.iterdir())
    except (FileExistsError, NotADirectoryError):
        taken = True
    if taken:
        raise ConflictError(
            "destination-not-empty",
            f"something is there already: {directory}",
            hint="art demo NEW-DIRECTORY",
        )
    return car(directory)
