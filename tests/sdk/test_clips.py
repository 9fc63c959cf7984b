"""Pages, sounds and films are files of the run, as they were when they were given."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image as Pillow

import artcli as wandb
from tests.kit.command_line import Art
from tests.sdk.conftest import rows

FILM = numpy.random.default_rng(0).integers(0, 256, (5, 3, 6, 7)).astype(numpy.uint8)


def logged(value: Any) -> tuple[dict[str, Any], bytes]:
    """The value that a row has of it, and its file."""
    with wandb.init(project="p") as run:
        run.log({"val/it": value})
    ((_, row),) = rows(run.id)
    found: Any = row["val/it"]
    return found, wandb.Api().run(f"p/{run.id}").file(found["path"]).read()


def test_pages(place: Path) -> None:
    (place / "page.html").write_text("<p>of a file")
    for data, expected in (
        ("<p>text", b"<p>text"), ("page.html", b"<p>of a file"), (place / "page.html", b"<p>of a file"),
        (io.StringIO("<p>read"), b"<p>read"),
    ):  # fmt: skip
        value, content = logged(wandb.Html(data))
        assert (value["_type"], value["format"], content) == ("html-file", "html", expected)
    assert logged(wandb.Html("page.html", data_is_not_path=True))[1] == b"page.html"
    with pytest.raises(ValueError):
        wandb.Html(5)


def test_sounds(place: Path) -> None:
    value, content = logged(wandb.Audio(numpy.array([0, 0.5, -1, 2]), sample_rate=8000, caption="a click"))
    assert (value["_type"], value["caption"], value["size"]) == ("audio-file", "a click", len(content))
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, 8000, 4)
        assert numpy.frombuffer(file.readframes(4), "<i2").tolist() == [0, 16384, -32767, 32767]
    (place / "a.mp3").write_bytes(b"sound")
    assert logged(wandb.Audio("a.mp3"))[1] == b"sound"
    for samples, rate in (([0.5], None), (numpy.zeros((2, 2, 2)), 8000)):
        with pytest.raises(ValueError):
            wandb.Audio(samples, sample_rate=rate)


def test_films(place: Path) -> None:
    value, content = logged(wandb.Video(FILM, fps=10, caption="a lap"))
    assert (value["_type"], value["format"], value["caption"]) == ("video-file", "gif", "a lap")
    with Pillow.open(io.BytesIO(content)) as film:
        assert (film.n_frames, film.size, film.info["duration"]) == (5, (7, 6), 100)
    (place / "a.mp4").write_bytes(b"film")
    assert logged(wandb.Video("a.mp4"))[1] == b"film"
    assert logged(wandb.Video(io.BytesIO(b"film"), format="webm"))[0]["path"].endswith(".webm")
    for data, format in ((FILM[0], None), (FILM, "mp4"), (io.BytesIO(b""), None), (io.BytesIO(b""), "avi")):
        with pytest.raises(ValueError):
            wandb.Video(data, format=format)
    with pytest.raises(FileNotFoundError):
        wandb.Video("nowhere.mp4")


def test_where_they_are_met(place: Path) -> None:
    draft = wandb.Artifact("laps", type="dataset")
    assert draft.add(wandb.Html("<p>"), "page").path == "page.html-file.json"
    with wandb.init(project="p") as run:
        assert run.log_artifact(draft).file_count == 2
        run.log(
            {
                "film": wandb.Video(FILM),
                "counts": wandb.Histogram([1, 2]),
                "table": wandb.Table(["page"], [[wandb.Html("<p>")]]),
            }
        )
    card = Art(place).on_terminal("run", "show", run.id, "-p", "p").out
    assert "film = video, gif, " in card
    assert "counts = histogram, 64 bins" in card
