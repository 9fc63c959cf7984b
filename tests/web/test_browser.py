"""The page of a run in a real browser, where one is installed: it keeps to its own policy, and its charts are seen."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_log_metrics import PNG
from tests.kit.command_line import Art
from tests.web.conftest import Serve
from tests.web.test_pages import Shelf

Image = pytest.importorskip("PIL.Image")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
]  # fmt: skip
BLUE = 100
"""By how much more than red there is where a curve goes, and nowhere else."""
PAPER = (255, 255, 255)
MARGIN = 16
"""Pixels at each side of the page where nothing is."""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no browser")


@pytest.fixture
def shelf(art: Art) -> Iterator[Shelf]:
    made = Shelf(art)
    yield made
    made.repository.close()


def seen(url: str, folder: Path, width: int, height: int) -> tuple[Image.Image, str]:
    """What the browser shows, and what it says in its console of the policy."""
    picture = folder / "seen.png"
    words = [f"--user-data-dir={folder / 'profile'}", f"--screenshot={picture}", f"--window-size={width},{height}"]
    done = subprocess.run([BROWSER or "", *OPTIONS, *words, url], capture_output=True, timeout=100, check=True)
    said = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
    return Image.open(picture).convert("RGB"), "\n".join(said)


def colours(image: Image.Image, left: int, right: int) -> set[Any]:
    """Of all pixels between two columns."""
    return {colour for _, colour in image.crop((left, 0, right, image.height)).getcolors(1 << 20)}


def test_charts_and_pictures_are_seen_and_nothing_is_forbidden(shelf: Shelf, serve: Serve, tmp_path: Path) -> None:
    """A phone's width: no name is so long that it leaves the page."""
    run = shelf.begin("blue", config={"k" * 300: "v" * 300}, notes="w" * 300)
    for step in range(2000):
        run.log({"loss": (step - 700) ** 2}, None, 1e9)
    (shelf.art.directory / "dot.png").write_bytes(PNG)
    assert shelf.art("log-metrics", "--run", run.run, "--image", "seen=dot.png").code == 0
    shelf.say(run, "console", {"stream": "stdout", "text": "<script>1</script><p style='x'>\n" + "c" * 300})
    run.finish()
    server = serve(shelf.art.directory)
    image, said = seen(f"{server.url}/p/car/runs/{run.run}", tmp_path, 400, 1600)
    assert said == ""
    columns = [colours(image, x, x + 1) for x in range(image.width)]
    assert sum(any(blue - red > BLUE for red, _, blue in column) for column in columns) > 300
    assert colours(image, image.width - MARGIN, image.width) == {PAPER}
    assert any(".png 200" in line for line in server.lines)


def test_what_is_forbidden_is_said(tmp_path: Path) -> None:
    """Without which the silence above would say nothing."""
    page = tmp_path / "page.html"
    page.write_text(
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\"><p style='color: red'>x</p>"
    )
    assert "Content Security Policy" in seen(page.as_uri(), tmp_path, 100, 100)[1]
