"""`Image`: pictures with captions, boxes and masks, from arrays, tensors, Pillow's images, figures and files.

The picture is encoded when the object is made, so what becomes of the array is no matter. Logged, it is a file of the
run below `media/images/` and a value of W&B's form in the row:

    {"_type": "image-file", "path", "format", "size", "width", "height", "digest", "caption"?, "boxes"?, "masks"?}
    {"_type": "images/separated", "filenames", "count", "format", "width", "height", "captions"?, "all_boxes"?,
     "all_masks"?}

the second for a list. Boxes stand in the row itself, as in `flows.runs.pictures`; a mask is a grey PNG beside the
picture, whose values are class ids: {name: {"_type": "mask", "path", "size", "digest", "class_labels"}}.
"""

from __future__ import annotations

import io
import numbers
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from artcli.flows.runs import pictures
from artcli.sdk import png, saving
from artcli.sdk.values import Media, plain

if TYPE_CHECKING:
    from artcli.sdk.draft import Artifact
    from artcli.sdk.run import Run

FORMATS = ("png", "jpg", "jpeg", "bmp")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
GRID, LINE = 8, 2
"""Pictures of a batch that stand beside each other, and pixels between them."""
POSITION = "a box has a position of middle, width and height, or of minX, maxX, minY and maxY"


class Mask(NamedTuple):
    """The class of each pixel of a picture."""

    content: bytes
    """A grey PNG."""
    labels: dict[str, str]
    """Names of classes, by id."""


class Image(Media):
    """A picture to be logged.

    `data_or_path`: an array of height × width, perhaps × 1, 3 or 4; a tensor of torch, channels first, of a batch of
    several a grid; an image of Pillow's; a figure of matplotlib's; a path, whose file is kept as it is; another
    `Image`. Axes of one element are left out. Whole numbers are values up to 255; floats are values from 0 to 1 if none
    is above 1, and stretched if one is below 0. `boxes`: {name: {"box_data": [box …], "class_labels": {id: name}}}; a
    box has `position` (in fractions, or in pixels with `domain="pixel"`), `class_id`, perhaps `scores`, `box_caption`.
    `masks`: {name: {"mask_data": array of height × width of class ids up to 255, or "path": of a PNG of these,
    "class_labels": {id: name}}}. `classes`: [{"id", "name"} …].

    Raises ValueError for another shape or format, TypeError for boxes and masks that are none, FileNotFoundError.
    Formats but PNG need Pillow.
    """

    SUFFIX = "image-file"

    def __init__(
        self, data_or_path: Any, mode: str | None = None, caption: str | None = None, grouping: int | None = None,
        classes: Sequence[Mapping[str, Any]] | None = None, boxes: Mapping[str, Any] | None = None,
        masks: Mapping[str, Any] | None = None, file_type: str | None = None,
    ) -> None:  # fmt: skip
        if file_type is not None and file_type not in FORMATS:
            raise ValueError(f"file_type is {', '.join(FORMATS)}, not {file_type!r}")
        self.format = file_type or "png"
        self._caption = None if caption is None else str(caption)
        self._content: bytes
        if isinstance(data_or_path, Image):
            self.format, self._content = data_or_path.format, data_or_path._content
            self._caption = data_or_path._caption if caption is None else self._caption
        elif isinstance(data_or_path, str | os.PathLike):
            path = Path(data_or_path)
            self.format, self._content = path.suffix.lstrip(".").lower(), path.read_bytes()
        else:
            self._content = _encoded(data_or_path, mode, self.format)
        names = {int(item["id"]): str(item["name"]) for item in classes or ()}
        self._boxes = _boxes(boxes, names) if boxes else None
        self._masks = {str(name): _mask(group, names) for name, group in _groups(masks, "masks")} if masks else {}

    @property
    def image(self) -> Any:
        """As an image of Pillow's; raises ImportError without it."""
        from PIL import Image as Pillow

        found = Pillow.open(io.BytesIO(self._content))
        found.load()
        return found

    def keep(self, run: Run, key: str) -> dict[str, Any]:
        value, masks = self._value(key)
        saving.put(run._recording, value["path"], self._content)
        for path, content in masks.items():
            saving.put(run._recording, path, content)
        return value

    @classmethod
    def keep_all(cls, values: Sequence[Media], run: Run, key: str) -> Any:
        kept = [value.keep(run, key) for value in values]
        found: dict[str, Any] = {"_type": "images/separated", "count": len(kept)}
        found |= {name: kept[0][name] for name in ("format", "width", "height") if name in kept[0]}
        found["filenames"] = [value["path"] for value in kept]
        for plural, name in (("captions", "caption"), ("all_boxes", "boxes"), ("all_masks", "masks")):
            if any(name in value for value in kept):
                found[plural] = [value.get(name, "" if name == "caption" else None) for value in kept]
        return found

    def keep_in(self, artifact: Artifact) -> dict[str, Any]:
        """The value of an artifact's file that stands for it; the picture and its masks are put beside."""
        value, masks = self._value("image")
        path = f"{pictures.IMAGES}/{value['digest'][:20]}.{self.format}"
        for name, content in {path: self._content, **masks}.items():
            with artifact.new_file(name, mode="wb") as file:
                file.write(content)
        return {**value, "path": path}

    @classmethod
    def from_kept(cls, value: Mapping[str, Any], read: Callable[[str], bytes]) -> Image:
        """What `keep_in` gave this value for; `read` gives the content of a path."""
        found = cls.__new__(cls)
        found.format, found._content = str(value.get("format") or "png"), read(value["path"])
        found._caption, found._boxes = value.get("caption"), value.get("boxes")
        masks = value.get("masks") or {}
        found._masks = {name: Mask(read(mask["path"]), mask["class_labels"]) for name, mask in masks.items()}
        return found

    def _value(self, key: str) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The value, and the masks that it names by path."""
        value = pictures.picture(key, self._content, self.format)
        if self._caption is not None:
            value["caption"] = self._caption
        if self._boxes is not None:
            value["boxes"] = self._boxes
        files = {}
        for name, mask in self._masks.items():
            kept = pictures.picture(f"{key}_{name}", mask.content, "png")
            path = kept["path"].replace(pictures.IMAGES, f"{pictures.IMAGES}/mask", 1)
            files[path] = mask.content
            found = {"_type": "mask", "path": path, "size": kept["size"], "digest": kept["digest"]}
            value.setdefault("masks", {})[name] = {**found, "class_labels": mask.labels}
        return value, files


def _encoded(data: Any, mode: str | None, format: str) -> bytes:
    if hasattr(data, "savefig") or hasattr(getattr(data, "figure", None), "savefig"):
        into = io.BytesIO()
        (data if hasattr(data, "savefig") else data.figure).savefig(into, format=format)
        return into.getvalue()
    if hasattr(data, "convert") and hasattr(data, "save"):
        return _saved(data.convert(mode) if mode else data, format)
    pixels = _pixels(data)
    if format == "png" and mode in (None, MODES[pixels.shape[2]]):
        return png.encode(pixels)
    from PIL import Image as Pillow

    image = Pillow.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    return _saved(image.convert(mode) if mode else image, format)


def _saved(image: Any, format: str) -> bytes:
    """The bytes of an image of Pillow's."""
    if format in ("jpg", "jpeg") and image.mode not in ("L", "RGB"):
        image = image.convert("RGB")  # JPEG has no transparency
    into = io.BytesIO()
    image.save(into, "JPEG" if format == "jpg" else format.upper())
    return into.getvalue()


def _pixels(data: Any) -> Any:
    """Height × width × 1, 3 or 4 of uint8."""
    import numpy

    if hasattr(data, "detach"):  # a tensor of torch: channels come first
        tensor = data.detach().cpu()
        found = numpy.asarray((tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy())
        found = _without_ones(found, keep=3)
        found = numpy.moveaxis(found, -3, -1) if found.ndim >= 3 else found
        found = _grid(found) if found.ndim == 4 and found.shape[3] in MODES and 0 not in found.shape else found
    else:
        found = _without_ones(numpy.asarray(data.numpy() if hasattr(data, "numpy") else data), keep=3)
        if found.ndim == 3 and found.shape[2] not in MODES:
            found = numpy.squeeze(found)  # what is left of an array of one picture
    if found.ndim == 2:
        found = found[:, :, None]
    if found.ndim != 3 or found.shape[2] not in MODES or 0 in found.shape or found.dtype.kind not in "biuf":
        raise ValueError(f"not the shape of a picture: {list(numpy.shape(data))}")
    return _bytes(found)


def _grid(batch: Any) -> Any:
    """A batch of pictures as one: `GRID` beside each other, with black lines between, as torchvision's make_grid."""
    import numpy

    count, height, width, channels = batch.shape
    columns = min(GRID, count)
    shape = (-(-count // columns) * (height + LINE) + LINE, columns * (width + LINE) + LINE, channels)
    found = numpy.zeros(shape, batch.dtype)
    for index, picture in enumerate(batch):
        top, left = (
            LINE + place * (size + LINE) for place, size in zip(divmod(index, columns), (height, width), strict=True)
        )
        found[top : top + height, left : left + width] = picture
    return found


def _without_ones(found: Any, keep: int) -> Any:
    """The array without leading axes of one element, of at least `keep` axes if it has them."""
    while found.ndim > keep and found.shape[0] == 1:
        found = found[0]
    return found


def _bytes(found: Any) -> Any:
    """The values as uint8, as W&B has had it from its beginning: floats are parts of the whole."""
    import numpy

    if found.dtype == numpy.uint8:
        return found
    if found.dtype.kind == "b":
        return found.astype(numpy.uint8) * numpy.uint8(255)
    if found.dtype.kind == "f":
        found = numpy.nan_to_num(found.astype(numpy.float32), posinf=1.0, neginf=0.0)
        least, most = float(found.min()), float(found.max())
        if least < 0:
            found = (found - least) / ((most - least) or 1.0)
            most = 1.0
        if most <= 1:
            found = found * 255
    return found.clip(0, 255).astype(numpy.uint8)


# --- boxes and masks ---


def _groups(groups: Any, what: str) -> Iterable[tuple[Any, Any]]:
    if not isinstance(groups, Mapping):
        raise ValueError(f"{what} are a dictionary of groups")
    return groups.items()


def _boxes(groups: Any, classes: Mapping[int, str]) -> dict[str, Any]:
    return {str(name): _group(group, classes) for name, group in _groups(groups, "boxes")}


def _mask(group: Any, classes: Mapping[int, str]) -> Mask:
    if not isinstance(group, Mapping) or ("mask_data" in group) == ("path" in group):
        raise TypeError("a mask is a dictionary with mask_data or a path")
    labels = group.get("class_labels")
    if labels is not None:
        _check_labels(labels)
    if "path" in group:
        content, ids = Path(group["path"]).read_bytes(), list(classes)
    else:
        content, ids = _mask_pixels(group["mask_data"])
    if labels is None:
        labels = {id: classes.get(id, f"class_{id}") for id in ids}
    return Mask(content, plain(labels))


def _mask_pixels(data: Any) -> tuple[bytes, list[int]]:
    """A PNG of an array of class ids, and which they are."""
    import numpy

    found = numpy.asarray(data.detach().cpu().numpy() if hasattr(data, "detach") else data)
    if found.ndim != 2 or 0 in found.shape:
        raise TypeError("mask_data is an array of height × width")
    if found.dtype.kind not in "biu" or int(found.min()) < 0 or int(found.max()) > 255:
        raise TypeError("mask_data has whole numbers from 0 to 255: the id of a class for each pixel")
    return png.encode(found.astype(numpy.uint8)[:, :, None]), numpy.unique(found).astype(int).tolist()


def _check_labels(labels: Any) -> None:
    if not isinstance(labels, Mapping) or not all(
        isinstance(key, numbers.Number) and isinstance(word, str) for key, word in labels.items()
    ):
        raise TypeError("class labels are a dictionary from numbers to texts")


def _group(group: Any, classes: Mapping[int, str]) -> dict[str, Any]:
    boxes = group.get("box_data") if isinstance(group, Mapping) else None
    if not isinstance(boxes, list):
        raise TypeError("a group of boxes has a list as its box_data")
    for box in boxes:
        _check_box(box)
    labels = group.get("class_labels")
    if labels is None:
        ids = sorted({int(box["class_id"]) for box in boxes if "class_id" in box})
        labels = {id: classes.get(id, f"class_{id}") for id in ids}
    else:
        _check_labels(labels)
    found: dict[str, Any] = plain({"box_data": boxes, "class_labels": labels})
    return found


def _check_box(box: Any) -> None:
    position = box.get("position") if isinstance(box, Mapping) else None
    if not isinstance(position, Mapping):
        raise TypeError(POSITION)
    middle = position.get("middle", ())
    if not (
        (len(middle) == 2 and _are_numbers(position, "width", "height"))
        or _are_numbers(position, "minX", "maxX", "minY", "maxY")
    ):
        raise TypeError(POSITION)
    if not isinstance(box.get("scores", {}), Mapping):
        raise TypeError("the scores of a box are a dictionary")
    for name, score in box.get("scores", {}).items():
        if not isinstance(name, str) or not isinstance(score, numbers.Number):
            raise TypeError("the scores of a box are numbers by name")
    if not isinstance(box.get("class_id", 0), numbers.Integral):
        raise TypeError("the class_id of a box is a whole number")
    if not isinstance(box.get("box_caption", ""), str):
        raise TypeError("the caption of a box is a text")


def _are_numbers(position: Mapping[str, Any], *keys: str) -> bool:
    words: Iterable[Any] = (position.get(key) for key in keys)
    return all(isinstance(value, numbers.Number) for value in words)
