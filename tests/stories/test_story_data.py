"""The stories themselves: steps tell the truth about the coming versions; data are the same everywhere."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import struct
from pathlib import Path

import pytest

from artcli.flows.demo import Step, Tree, digest, shots
from tests.kit.story import KINDS, SIZES, Kind, build, play
from tests.kit.story.workplace import label, window

# One digest over every path and file of all versions at size S: changes only when a story is meant to.
PINS = {
    "car": "752a86485c1860ff",
    "digits": "49075e47ca1cd172",
    "safety": "e98c470e49cb6cf0",
    "tree": "1013630491d7587d",
}


def on_disk(folder: Path) -> Tree:
    tree = {}
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        for name in files:
            path = here / name
            data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            tree[path.relative_to(folder).as_posix()] = digest(data)
        if not folders and not files:
            tree[here.relative_to(folder).as_posix()] = digest(b"")
    return tree


def refs_logged(step: Step) -> list[str]:
    return [command[1] for command in step.commands if command[0] == "log-artifact"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_version_is_what_lies_in_the_folder_that_is_logged(kind: Kind, tmp_path: Path) -> None:
    versions: dict[str, Tree] = {}
    for step in build(kind, "S", tmp_path):
        made = step.change()
        assert [ref.split(":")[0] for ref in made] == refs_logged(step)
        for (ref, tree), command in zip(made.items(), step.commands, strict=False):
            name, version = ref.split(":v")
            before = versions.get(f"{name}:v{int(version) - 1}", {})
            assert int(version) == sum(known.startswith(f"{name}:v") for known in versions)
            assert tree == expected(tmp_path, command, before)
            versions[ref] = tree
    assert len(versions) > 3


def expected(directory: Path, command: tuple[str, ...], before: Tree) -> Tree:
    """The content that a `log-artifact` should make, from its words, the folder, and the version before."""
    if "--base" not in command:
        return on_disk(directory / command[2])
    tree = dict(before)
    if "--add" in command:
        tree |= on_disk(directory / command[command.index("--add") + 1])
    if "--mv" in command:
        old, new = command[command.index("--mv") + 1].split("=")
        tree[new] = tree.pop(old)
    return tree


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_of_size_s_are_the_same_everywhere(kind: Kind, tmp_path: Path) -> None:
    versions = play(build(kind, "S", tmp_path), lambda words: None)
    lines = [f"{ref} {path} {tree[path]}\n" for ref, tree in versions.items() for path in sorted(tree)]
    assert hashlib.sha256("".join(lines).encode()).hexdigest()[:16] == PINS[kind]


def test_the_commands_are_in_order_and_begin_with_init(tmp_path: Path) -> None:
    for kind in KINDS:
        for size in SIZES:
            words = [command for step in build(kind, size, tmp_path / kind) for command in step.commands]
            assert words[0][:2] == ("init", "--project")
            assert {command[0] for command in words[1:]} <= {"log-artifact", "alias", "tag"}


def test_building_a_story_writes_nothing(tmp_path: Path) -> None:
    for kind in KINDS:
        build(kind, "S", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_second_version_has_two_of_five_files_new(tmp_path: Path) -> None:
    versions = play(build("car", "S", tmp_path), lambda words: None)
    first, second, third = (set(versions[f"dataset:v{n}"].values()) for n in (0, 1, 2))
    assert (len(second), len(second - first)) == (5, 2)
    assert third == second
    assert versions["dataset:v2"] != versions["dataset:v1"]


def test_shipped_pictures_are_small_jpeg_files_with_their_licence() -> None:
    package = Path(shots.__file__).parent
    files = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) <= 400_000
    pictures = [path for path in files if path.suffix == ".jpg"]
    assert len(pictures) == sum(place.shipped for place in (shots.TABLE, shots.DUSK))
    for picture in pictures:
        assert jpeg_size(picture.read_bytes()) == (shots.FRAME, shots.FRAME)
    licence = (package / "LICENSES.md").read_text("utf-8")
    assert "CC0" in licence
    assert all(f"`{name}-*.jpg`" in licence for name in {path.name.split("-")[0] for path in pictures})


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height from the start-of-frame segment (ITU-T T.81, B.2.2)."""
    assert data.startswith(b"\xff\xd8")
    assert data.endswith(b"\xff\xd9")
    place = 2
    while data[place + 1] not in (0xC0, 0xC2):
        place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    height, width = struct.unpack_from(">HH", data, place + 5)
    return width, height


def test_the_target_is_in_every_picture() -> None:
    for place in (shots.TABLE, shots.DUSK):
        windows = [shots.window(place, number) for number in range(2000)]
        assert len(set(windows)) == 2000
        for number, (left, top, size) in enumerate(windows):
            assert left >= 0 <= top
            assert left + size <= place.width
            assert top + size <= place.height
            assert all(shots.FRAME // 8 < side < shots.FRAME * 7 // 8 for side in shots.label(place, number))


def test_no_more_pictures_than_are_shipped() -> None:
    with pytest.raises(IndexError, match="16 pictures of the table"):
        shots.shipped(shots.TABLE, 16)


def test_models_learn(tmp_path: Path) -> None:
    play(build("car", "S", tmp_path / "car"), lambda words: None)
    assert json.loads((tmp_path / "car/model/settings.json").read_text())["error_pixels"] < 20
    play(build("digits", "S", tmp_path / "digits"), lambda words: None)
    assert json.loads((tmp_path / "digits/results/summary.json").read_text())["test"] > 0.9
    play(build("tree", "S", tmp_path / "tree"), lambda words: None)
    history = list(csv.DictReader((tmp_path / "tree/model/history.csv").read_text().splitlines()))
    losses = [float(row["loss"]) for row in history]
    assert len(losses) == 20
    assert losses == sorted(losses, reverse=True)


def test_a_frozen_body_keeps_its_bytes(tmp_path: Path) -> None:
    versions = play(build("tree", "S", tmp_path), lambda words: None)
    bodies = [versions[f"model:v{number}"]["body.npy"] for number in range(20)]
    assert len(set(bodies)) == 5
    assert len({versions[f"model:v{number}"]["head.npy"] for number in range(20)}) == 20


def test_yolo_labels_lie_in_their_pictures() -> None:
    kinds = set()
    for number in range(500):
        left, top, size = window(number)
        assert min(left, top) >= 0
        assert max(left, top) + size <= 512
        for line in label(number, 3).decode().splitlines():
            kind, *box = line.split(" ")
            x, y, w, h = map(float, box)
            kinds.add(kind)
            assert min(x - w / 2, y - h / 2) > -1e-5
            assert max(x + w / 2, y + h / 2) < 1 + 1e-5
    assert kinds == {"0", "1", "2"}
    assert any(label(number, 3) == b"" for number in range(12)), "an empty label file is part of the story"


def test_larger_sizes_begin_with_the_kept_pictures_and_cut_the_others(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    small = play(build("car", "S", tmp_path / "S"), lambda words: None)
    steps = build("car", "M", tmp_path / "M")
    large = steps[1].change()["dataset:v0"]
    assert len(large) == 300
    assert small["dataset:v1"]["00003_x147_y123.jpg"] == large["00003_x147_y123.jpg"]
    assert len(set(large.values())) == 300
    for picture in sorted((tmp_path / "M/camera").iterdir())[:20]:
        assert jpeg_size(picture.read_bytes()) == (shots.FRAME, shots.FRAME)
