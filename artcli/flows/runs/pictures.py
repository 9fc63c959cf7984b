"""Images and other files of a run, as a shell script names them.

An image is a file of the run, and in its row a value of W&B's form:

    {"_type": "image-file", "path": "media/images/<name>_<digest>.<ext>", "format", "size", "width"?, "height"?,
     "digest": BLAKE3, "boxes"?: {"predictions": {"box_data": [box …], "class_labels"?: {id: name}}}}

A box is {"position": {"minX", "maxX", "minY", "maxY"} or {"middle": [x, y], "width", "height"}, "class_id",
"domain"?: "pixel", "scores"?, "box_caption"?}; without a domain positions are fractions of the image.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artcli.content import digest_of
from artcli.errors import NotFoundError, UsageError

IMAGES = "media/images"
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".svg", ".avif", ".heic"})
"""Names of images whose first bytes need not be known here."""
CLIPS = {"html-file": "page", "audio-file": "sound", "video-file": "video"}
"""What pages, sounds and films are called, by the type of their value."""
LABELS = ("classes.txt", "obj.names", "classes.names")
"""Files beside a YOLO label, or one folder above it, that name the classes, one a line."""


def pictures(
    named: Sequence[tuple[str, str]], boxes: Sequence[str], files: dict[str, bytes | Path]
) -> dict[str, dict[str, Any]]:
    """The values of images given as (name, file); adds their files to `files`. `boxes` go with them in order.

    Raises `NotFoundError` (`no-such-path`), `UsageError` (`bad-image`, `bad-boxes`).
    """
    if len(boxes) > len(named):
        raise _bad("there are more boxes than images")
    row = {}
    for index, (name, file) in enumerate(named):
        path = _there(Path(file))
        content = path.read_bytes()
        if path.suffix.lower() not in SUFFIXES and dimensions(content) is None:
            raise UsageError("bad-image", f"no image: {file!r}", hint=f"art log-metrics --file {shlex.quote(file)}")
        value = picture(name, content, path.suffix.lstrip(".").lower())
        files[value["path"]] = content
        if index < len(boxes):
            value["boxes"] = {"predictions": _boxes(boxes[index])}
        row[name] = value
    return row


def picture(name: str, content: bytes, format: str) -> dict[str, Any]:
    """The value of an image under `name` in a row; its file goes to its `path`."""
    digest = digest_of(content).hex()
    stem = re.sub(r"[^\w.-]+", "_", name)[:100]
    value: dict[str, Any] = {
        "_type": "image-file",
        "path": f"{IMAGES}/{stem}_{digest[:20]}.{format or 'bin'}",
        "format": format,
        "size": len(content),
        "digest": digest,
    }
    if (extent := dimensions(content)) is not None:
        value["width"], value["height"] = extent
    return value


def told(value: Any) -> str | None:
    """What is said of pictures, tables, histograms and clips, whose own words are a screen full; None of others.

    Such a value may come from anybody: nothing in it need be what it should be.
    """
    kind = value.get("_type") if isinstance(value, Mapping) else None
    if kind == "table-file":
        return f"table, {value.get('nrows')} rows × {value.get('ncols')} columns"
    if kind == "histogram" and isinstance(value.get("values"), list):
        return f"histogram, {len(value['values'])} bins"
    if isinstance(kind, str) and kind in CLIPS:
        size = value.get("size")
        return f"{CLIPS[kind]}, {value.get('format')}" + (f", {size:,} bytes" if isinstance(size, int) else "")
    if kind not in ("image-file", "images/separated"):
        return None
    count = value.get("count", 1)
    sides = f", {value['width']} × {value['height']}" if value.get("width") and value.get("height") else ""
    return f"{count} picture{'s' * (count != 1)}{sides}"


def kept(paths: Sequence[Path]) -> dict[str, bytes | Path]:
    """Files to keep with a run, by their path there: the one from here, or their name if they lie elsewhere."""
    found: dict[str, bytes | Path] = {}
    for path in paths:
        inside = os.path.relpath(_there(path))
        name = path.name if inside.startswith("..") else inside
        found[f"files/{Path(name).as_posix()}"] = path
    return found


def dimensions(content: bytes) -> tuple[int, int] | None:
    """(width, height) of a PNG, GIF, BMP or JPEG; None for another form."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack(">II", content[16:24])
        if content.startswith((b"GIF87a", b"GIF89a")):
            return struct.unpack("<HH", content[6:10])
        if content.startswith(b"BM"):
            width, height = struct.unpack("<ii", content[18:26])
            return width, abs(height)
        if content.startswith(b"\xff\xd8"):
            return _jpeg(content)
    except (struct.error, IndexError):
        pass  # cut short
    return None


def _jpeg(content: bytes) -> tuple[int, int] | None:
    """The frame header's, found from marker to marker (ITU T.81, B.1.1.4)."""
    at = 2
    while content[at] == 0xFF:
        marker, length = content[at + 1], struct.unpack(">H", content[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None


def _boxes(word: str) -> dict[str, Any]:
    if word.startswith("yolo:"):
        return yolo(Path(word.removeprefix("yolo:")))
    text = word if word.lstrip().startswith(("[", "{")) else _text(Path(word))
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _bad(f"no JSON: {error}") from error
    group = found if isinstance(found, dict) else {"box_data": found}
    data = group.get("box_data")
    if not isinstance(data, list) or not all(isinstance(box, dict) and "position" in box for box in data):
        raise _bad("each needs a position")
    return dict(group)


def yolo(path: Path) -> dict[str, Any]:
    """The boxes of a YOLO label: lines of class, middle x, y, width, height, perhaps confidence; in fractions."""
    boxes = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not (words := line.split()):
            continue
        try:
            x, y, width, height, *confidence = map(float, words[1:])
            box: dict[str, Any] = {
                "position": {"middle": [x, y], "width": width, "height": height},
                "class_id": int(words[0]),
            }
        except ValueError:
            raise _bad(f"{path}, line {number}: {line!r}") from None
        if confidence:
            box["scores"] = {"confidence": confidence[0]}
        boxes.append(box)
    labels = _labels(path)
    return {"box_data": boxes, "class_labels": labels} if labels else {"box_data": boxes}


def _labels(path: Path) -> Mapping[str, str]:
    for folder in (path.absolute().parent, path.absolute().parent.parent):
        for name in LABELS:
            if (folder / name).is_file():
                lines = (folder / name).read_text("utf-8", "replace").splitlines()
                return {str(index): line.strip() for index, line in enumerate(lines) if line.strip()}
    return {}


def _text(path: Path) -> str:
    try:
        return _there(path).read_text("utf-8")
    except UnicodeDecodeError:
        raise _bad(f"no text: {str(path)!r}") from None


def _there(path: Path) -> Path:
    if path.is_dir():
        message = f"a directory, where a file is wanted: {str(path)!r}"
        raise NotFoundError("no-such-path", message, hint="art log-metrics --help")
    if not path.is_file():
        raise NotFoundError("no-such-path", f"no such file: {str(path)!r}", hint="art log-metrics --help")
    return path


def _bad(why: str) -> UsageError:
    return UsageError("bad-boxes", f"boxes cannot be read: {why}", hint="art help bad-boxes")
