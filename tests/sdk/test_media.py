"""Images: pixels that come back as they were, boxes in both forms, files of the run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image as Pillow

import artcli as wandb
from tests.sdk.conftest import rows


class Tensor:
    """What a tensor of torch can do, as far as pictures ask."""

    def __init__(self, array: Any) -> None:
        self.array = numpy.asarray(array)
        self.dtype = f"torch.{self.array.dtype}"

    def detach(self) -> Tensor:
        return self

    cpu = detach

    def numpy(self) -> Any:
        return self.array


def pixels(image: wandb.Image) -> Any:
    return numpy.asarray(image.image)


RGB = numpy.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(numpy.uint8)
GREY = RGB[:, :, 0]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (GREY, GREY),
        (GREY[:, :, None], GREY),
        (RGB, RGB),
        (numpy.dstack([RGB, GREY]), numpy.dstack([RGB, GREY])),
        (RGB.astype(numpy.int64) + 200, numpy.minimum(RGB.astype(int) + 200, 255)),
        (RGB / 255, RGB),
        (RGB[None], RGB),
        (numpy.array([[-1.0, 1.0], [0.0, numpy.nan]]), numpy.array([[0, 255], [127, 127]])),
        (numpy.array([[True, False]]), numpy.array([[255, 0]])),
        (Tensor(GREY[None, None] / numpy.float32(255)), GREY),
        (Tensor(GREY[None]), GREY),
        (Tensor(numpy.moveaxis(RGB, -1, 0)), RGB),
        (Tensor(GREY), GREY),
        (Pillow.fromarray(RGB), RGB),
        (GREY.tolist(), GREY),
    ],
)
def test_pixels_are_kept(data: Any, expected: Any) -> None:
    found = pixels(wandb.Image(data)).astype(int)
    assert found.shape == expected.shape
    assert abs(found - expected).max() <= 1


def test_a_batch_is_a_grid_of_eight_beside_each_other() -> None:
    batch = numpy.stack([numpy.moveaxis(RGB, -1, 0) // (1 + number) for number in range(10)])
    found = pixels(wandb.Image(Tensor(batch))).copy()
    assert found.shape == (2 + 2 * (5 + 2), 2 + 8 * (7 + 2), 3)  # as torchvision's make_grid
    for number in range(10):
        top, left = 2 + number // 8 * 7, 2 + number % 8 * 9
        assert (found[top : top + 5, left : left + 7] == RGB // (1 + number)).all()
        found[top : top + 5, left : left + 7] = 0
    assert not found.any()
    assert (pixels(wandb.Image(Tensor(batch[:2]))).shape) == (9, 20, 3)


@pytest.mark.parametrize("shape", [(3,), (4, 4, 5), (2, 3, 4, 5), (0, 3)])
def test_shapes_that_are_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        wandb.Image(numpy.zeros(shape, numpy.uint8))


def test_formats(tmp_path: Path) -> None:
    assert pixels(wandb.Image(RGB, file_type="bmp")).tolist() == RGB.tolist()
    assert wandb.Image(RGB, file_type="jpg").image.format == "JPEG"
    assert wandb.Image(RGB, mode="L").image.mode == "L"
    Pillow.fromarray(RGB).save(tmp_path / "a.png")
    assert pixels(wandb.Image(tmp_path / "a.png")).tolist() == RGB.tolist()
    with pytest.raises(ValueError):
        wandb.Image(RGB, file_type="gif")
    with pytest.raises(FileNotFoundError):
        wandb.Image("nowhere.png")


BOXES = {
    "predictions": {
        "box_data": [
            {
                "position": {"minX": 0.1, "maxX": 0.2, "minY": 0.3, "maxY": 0.4},
                "class_id": 1,
                "scores": {"conf": numpy.float32(0.5)},
                "box_caption": "a mask",
            },
            {"position": {"middle": [3, 4], "width": 2, "height": 1}, "domain": "pixel", "class_id": 0},
        ],
        "class_labels": {0: "helmet", 1: "mask"},
    }
}


def test_a_logged_image_is_a_file_of_the_run() -> None:
    array = RGB.copy()
    with wandb.init(project="p") as run:
        image = wandb.Image(array, caption="first", boxes=BOXES)
        array[:] = 0
        run.log({"seen": image, "many": [image, wandb.Image(GREY)]})
        run.summary["best"] = image
    ((_, row),) = rows(run.id)
    seen: Any = row["seen"]
    assert (seen["_type"], seen["caption"], seen["width"], seen["height"]) == ("image-file", "first", 7, 5)
    assert seen["boxes"]["predictions"]["class_labels"] == {"0": "helmet", "1": "mask"}
    assert seen["boxes"]["predictions"]["box_data"][1]["position"] == {"middle": [3, 4], "width": 2, "height": 1}
    many: Any = row["many"]
    assert (many["_type"], many["count"], many["captions"]) == ("images/separated", 2, ["first", ""])
    assert many["all_boxes"][1] is None
    record = wandb.Api().run(f"p/{run.id}")
    content = record.file(seen["path"]).read()
    assert numpy.asarray(Pillow.open(io.BytesIO(content))).tolist() == RGB.tolist()
    assert {file.name for file in record.files()} >= {seen["path"], *many["filenames"]}
    assert record.summary["best"]["_type"] == "image-file"


@pytest.mark.parametrize(
    "box",
    [
        {},
        {"position": {"minX": 0}},
        {"position": {"middle": [1], "width": 1, "height": 1}},
        {"position": {"middle": [1, 1], "width": 1, "height": 1}, "class_id": "a"},
        {"position": {"middle": [1, 1], "width": 1, "height": 1}, "scores": 1},
        {"position": {"middle": [1, 1], "width": 1, "height": 1}, "scores": {"a": "b"}},
        {"position": {"middle": [1, 1], "width": 1, "height": 1}, "box_caption": 1},
    ],
)
def test_boxes_that_are_none(box: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        wandb.Image(GREY, boxes={"p": {"box_data": [box]}})


class Figure:
    """What a figure of matplotlib's can do."""

    def savefig(self, into: io.BytesIO, format: str) -> None:
        Pillow.fromarray(RGB).save(into, format)


def test_a_figure_is_logged_as_it_looks() -> None:
    with wandb.init(project="p") as run:
        run.log({"chart": Figure()})
        with pytest.raises(TypeError):
            run.log({"chart": object()})
    ((_, row),) = rows(run.id)
    seen: Any = row["chart"]
    assert (seen["_type"], seen["width"], seen["height"]) == ("image-file", 7, 5)


def test_masks_are_files_beside_the_picture(place: Path) -> None:
    ids = (GREY > 128).astype(numpy.int64)
    Pillow.fromarray(ids.astype(numpy.uint8)).save(place / "truth.png")
    masks = {
        "predictions": {"mask_data": Tensor(ids), "class_labels": {0: "road", 1: "sky"}},
        "ground_truth": {"path": "truth.png", "class_labels": {0: "road"}},
        "unnamed": {"mask_data": ids},
    }
    with wandb.init(project="p") as run:
        image = wandb.Image(RGB, masks=masks, classes=[{"id": 1, "name": "sky"}])
        run.log({"seen": image, "many": [image, wandb.Image(RGB)]})
    ((_, row),) = rows(run.id)
    seen: Any = row["seen"]
    assert seen["masks"]["predictions"]["class_labels"] == {"0": "road", "1": "sky"}
    assert seen["masks"]["unnamed"]["class_labels"] == {"0": "class_0", "1": "sky"}
    many: Any = row["many"]
    assert (many["all_masks"][0].keys(), many["all_masks"][1]) == (masks.keys(), None)
    record = wandb.Api().run(f"p/{run.id}")
    for mask in seen["masks"].values():
        content = record.file(mask["path"]).read()
        assert numpy.asarray(Pillow.open(io.BytesIO(content))).tolist() == ids.tolist()


@pytest.mark.parametrize(
    "mask",
    [
        {}, 5, {"mask_data": 3}, {"mask_data": RGB}, {"mask_data": GREY / 255}, {"mask_data": GREY.astype(int) + 256},
        {"mask_data": GREY, "class_labels": [1]}, {"mask_data": GREY, "path": "a.png"},
    ],
)  # fmt: skip
def test_masks_that_are_none(mask: Any) -> None:
    with pytest.raises(TypeError):
        wandb.Image(RGB, masks={"p": mask})


def test_an_image_in_an_artifact() -> None:
    draft = wandb.Artifact("pictures", type="dataset")
    entry = draft.add(wandb.Image(RGB, caption="c"), "one")
    assert entry.path == "one.image-file.json"
    with wandb.init() as run:
        made = run.log_artifact(draft)
    assert len(made.files()) == 2
    with pytest.raises(TypeError):
        wandb.Artifact("x", type="dataset").add(3, "three")
