"""Each story is played through `art`, and every version comes back as the story, not the program, says it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import art
from tests.kit.command_line import Art
from tests.kit.story import KINDS, Kind, build, play
from tests.stories.test_story_data import on_disk

__all__ = ["art"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_version_of_a_story_comes_back(kind: Kind, art: Art, tmp_path: Path) -> None:
    def run(words: tuple[str, ...]) -> None:
        result = art(*words)
        assert (words, result.code, result.err if result.code else "") == (words, 0, "")

    versions = play(build(kind, "S", art.directory), run)
    for ref, tree in versions.items():
        used = art("use", ref, "--root", tmp_path / "used" / ref.replace(":", "-"))
        assert used.code == 0, used.err
        assert (ref, on_disk(Path(used.out.rstrip("\n")))) == (ref, tree)
