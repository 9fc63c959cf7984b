"""`Html`, `Audio` and `Video`: pages, sounds and films, each a file of the run as it was when the object was made.

In a row stands a value of W&B's form:

    {"_type": "html-file" | "audio-file" | "video-file", "path", "format", "size", "digest", "caption"?}
"""

from __future__ import annotations

import io
import os
import re
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artcli.content import digest_of
from artcli.sdk import saving
from artcli.sdk.values import Media

if TYPE_CHECKING:
    from artcli.sdk.draft import Artifact
    from artcli.sdk.run import Run

FILMS = ("gif", "mp4", "webm", "ogg")
"""Formats that browsers show."""


class Clip(Media):
    """Bytes of a kind. `SUFFIX` is the value's type, `FOLDER` where its files lie."""

    SUFFIX = ""
    FOLDER = ""

    def __init__(self, content: bytes, format: str, caption: str | None) -> None:
        self._content, self.format = content, format
        self._caption = None if caption is None else str(caption)

    def keep(self, run: Run, key: str) -> dict[str, Any]:
        value = self._value(key)
        saving.put(run._recording, value["path"], self._content)
        return value

    def keep_in(self, artifact: Artifact) -> dict[str, Any]:
        """The value of an artifact's file that stands for it; its own file is put beside."""
        value = self._value("clip")
        with artifact.new_file(value["path"], mode="wb") as file:
            file.write(self._content)
        return value

    def _value(self, key: str) -> dict[str, Any]:
        digest = digest_of(self._content).hex()
        stem = re.sub(r"[^\w.-]+", "_", key)[:100]
        path = f"{self.FOLDER}/{stem}_{digest[:20]}.{self.format}"
        value = {"_type": self.SUFFIX, "path": path, "format": self.format, "size": len(self._content)}
        caption = {} if self._caption is None else {"caption": self._caption}
        return {**value, "digest": digest, **caption}


class Html(Clip):
    """A page: its text, a path to it, or a file to read it from. `inject` means nothing here.

    `data_is_not_path`: the text is meant, though it may look like a path.
    """

    SUFFIX, FOLDER = "html-file", "media/html"

    def __init__(self, data: Any, inject: bool = True, data_is_not_path: bool = False) -> None:
        if hasattr(data, "read"):
            data = data.read()
        elif isinstance(data, os.PathLike) or (not data_is_not_path and _is_file(data)):
            data = Path(data).read_bytes()
        if not isinstance(data, str | bytes):
            raise ValueError(f"a page is a text, a path or a file, not {type(data).__name__}")
        super().__init__(data.encode() if isinstance(data, str) else data, "html", None)


class Audio(Clip):
    """A sound: a path, or an array of samples from -1 to 1 (of several channels: samples × channels), made a WAV.

    `sample_rate`: samples a second, needed for an array. Raises ValueError, FileNotFoundError.
    """

    SUFFIX, FOLDER = "audio-file", "media/audio"

    def __init__(self, data_or_path: Any, sample_rate: int | None = None, caption: str | None = None) -> None:
        if isinstance(data_or_path, str | os.PathLike):
            path = Path(data_or_path)
            super().__init__(path.read_bytes(), path.suffix.lstrip(".").lower() or "bin", caption)
            return
        if sample_rate is None:
            raise ValueError("an array of samples needs its sample_rate")
        super().__init__(_wav(data_or_path, sample_rate), "wav", caption)


class Video(Clip):
    """A film: a path, bytes in memory with a `format`, or an array of time × channels × height × width of 0 to 255.

    An array becomes a GIF of `fps` (4) pictures a second, for which Pillow is needed: other formats are files made by
    other programs. Raises ValueError, FileNotFoundError, ImportError.
    """

    SUFFIX, FOLDER = "video-file", "media/videos"

    def __init__(
        self, data_or_path: Any, caption: str | None = None, fps: int | None = None, format: str | None = None
    ) -> None:
        if isinstance(data_or_path, str | os.PathLike):
            path = Path(data_or_path)
            format, content = path.suffix.lstrip(".").lower(), path.read_bytes()
        elif isinstance(data_or_path, io.BytesIO):
            content = data_or_path.getvalue()
        else:
            if format not in (None, "gif"):
                raise ValueError(f"an array is made a GIF; write a file of {format}, and give its path")
            format, content = "gif", _gif(data_or_path, fps or 4)
        if format not in FILMS:
            raise ValueError(f"a film is {', '.join(FILMS)}, not {format!r}")
        super().__init__(content, format, caption)


def _is_file(text: Any) -> bool:
    try:
        return os.path.isfile(text)
    except (ValueError, TypeError):
        return False


def _wav(samples: Any, rate: int) -> bytes:
    import numpy

    found = numpy.asarray(samples)
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim != 2 or found.dtype.kind not in "iuf":
        raise ValueError(f"samples are an array of one axis, or of samples × channels, not {list(found.shape)}")
    if found.dtype.kind == "f":
        found = (numpy.nan_to_num(found).clip(-1, 1) * 32767).round()
    into = io.BytesIO()
    with wave.open(into, "wb") as file:
        file.setnchannels(found.shape[1])
        file.setsampwidth(2)
        file.setframerate(int(rate))
        file.writeframes(found.clip(-32768, 32767).astype("<i2").tobytes())
    return into.getvalue()


def _gif(frames: Any, fps: int) -> bytes:
    import numpy
    from PIL import Image as Pillow

    found = numpy.asarray(frames.detach().cpu().numpy() if hasattr(frames, "detach") else frames)
    if found.ndim != 4 or found.shape[1] not in (1, 3) or 0 in found.shape:
        raise ValueError(f"a film is an array of time × 1 or 3 channels × height × width, not {list(found.shape)}")
    pixels = numpy.moveaxis(found, 1, -1).clip(0, 255).astype(numpy.uint8)
    pictures: Sequence[Any] = [Pillow.fromarray(one[:, :, 0] if one.shape[2] == 1 else one) for one in pixels]
    into = io.BytesIO()
    pictures[0].save(into, "GIF", save_all=True, append_images=pictures[1:], duration=round(1000 / fps), loop=0)
    return into.getvalue()
