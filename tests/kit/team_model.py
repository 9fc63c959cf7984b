"""The model of a team that shares a place: deeds, and what a list of them comes to (see `team`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from artcli.catalog.fold import LIVE, PURGED, TRASH
from tests.kit.machine import Tree


class Deed(NamedTuple):
    """What somebody did to a version."""

    kind: Literal["log", "alias", "unalias", "delete", "restore", "purge"]
    id: int
    version: int
    """The id of the deed that logged it."""
    name: str
    tree: Tree | None = None
    label: str = ""
    before: int | None = None
    """What the label named, for whoever moved it."""


class Shown:
    """What a list of deeds comes to."""

    def __init__(self, deeds: Sequence[Deed]) -> None:
        self.logged: dict[str, list[Deed]] = {}
        self.states: dict[int, str] = {}
        self.labels: dict[tuple[str, str], int] = {}
        for deed in deeds:
            getattr(self, deed.kind)(deed)

    def log(self, deed: Deed) -> None:
        self.logged.setdefault(deed.name, []).append(deed)
        self.states[deed.version] = LIVE

    def alias(self, deed: Deed) -> None:
        if self.states[deed.version] == LIVE and self.labels.get((deed.name, deed.label)) == deed.before:
            self.labels[deed.name, deed.label] = deed.version

    def unalias(self, deed: Deed) -> None:
        if self.labels.get((deed.name, deed.label)) == deed.version:
            del self.labels[deed.name, deed.label]

    def delete(self, deed: Deed) -> None:
        if self.states[deed.version] == LIVE:
            self.states[deed.version] = TRASH
            self.labels = {key: version for key, version in self.labels.items() if version != deed.version}

    def restore(self, deed: Deed) -> None:
        if self.states[deed.version] == TRASH:
            self.states[deed.version] = LIVE

    def purge(self, deed: Deed) -> None:
        if self.states[deed.version] == TRASH:
            self.states[deed.version] = PURGED

    def newest(self, name: str) -> Deed | None:
        return next((deed for deed in reversed(self.logged.get(name, [])) if self.states[deed.version] == LIVE), None)

    def in_state(self, state: str) -> list[tuple[Deed, str]]:
        """Versions that are, with their refs."""
        return [
            (deed, f"{name}:v{number}")
            for name in sorted(self.logged)
            for number, deed in enumerate(self.logged[name])
            if self.states[deed.version] == state
        ]

    def summary(self) -> Any:
        return {
            name: (
                [(self.states[deed.version], deed.tree) for deed in deeds],
                {
                    label: deeds.index(next(deed for deed in deeds if deed.version == version))
                    for (of, label), version in self.labels.items()
                    if of == name
                },
            )
            for name, deeds in self.logged.items()
        }


class Member(NamedTuple):
    """A machine in the model."""

    own: list[Deed]
    seen: int = 0
    """How many deeds of the place's."""
    here: frozenset[int] = frozenset()
    """Versions whose bytes must be on the machine: it logged or pulled them."""

    def deeds(self, place: Sequence[Deed]) -> list[Deed]:
        known = {deed.id for deed in place[: self.seen]}
        return [*place[: self.seen], *(deed for deed in self.own if deed.id not in known)]
