"""Pages of `art serve`, as a browser gets them: what a run's page says, who sees it, and that it can do no harm."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest

from artcli.catalog.facts import Draft
from artcli.catalog.repository import Repository
from artcli.catalog.runs.records import Record
from artcli.errors import NotFoundError
from artcli.flows.runs import kept
from artcli.flows.runs.recorder import Beginning, Recorder
from tests.cli.test_log_metrics import PNG
from tests.kit.command_line import Art
from tests.web.conftest import Serve
from tests.web.kit import Answer, Server
from tests.web.test_tokens import token

SCRIPT = "<script>window.x=1</script>\"'&<img src=x onerror=y></pre></style>"
CODES = "\x1b[31mred\x1b[0m\x1b]0;title\x07 \x1b \u202e \x00"
VOID = ("meta", "img", "path")
NAN = float("nan")


class Page(HTMLParser):
    """The elements of a page and its words; every tag of it is closed."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.words = ""
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(answer.body.decode())
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


class Shelf:
    """A repository of project `car` that is served, and runs in it."""

    def __init__(self, art: Art) -> None:
        self.art = art
        assert art("init", "--project", "car").code == 0
        self.repository = Repository.open(art.directory)

    def begin(self, name: str, **more: object) -> Recorder:
        return Recorder.begin(self.repository, Beginning("car", name, **more))  # type: ignore[arg-type]

    def say(self, run: Recorder, kind: str, data: dict[str, object], at: float = 1e9) -> None:
        run.say([Record(kind, at, data)])


@pytest.fixture
def shelf(art: Art) -> Iterator[Shelf]:
    made = Shelf(art)
    yield made
    made.repository.close()


def page(server: Server, run: Recorder) -> Page:
    answer = server("GET", f"/p/car/runs/{run.run}")
    assert answer.status == 200, answer.body
    return Page(answer)


def test_what_a_page_says(shelf: Shelf, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    art = shelf.art
    (art.directory / "data").mkdir()
    (art.directory / "data" / "a").write_text("a")
    (art.directory / "dot.png").write_bytes(PNG)
    recorded = {"argv": ["python", "train.py", "a b"], "git": {"commit": "f00d", "branch": "main", "dirty": True}}
    run = shelf.begin("blue", job_type="train", notes="first\nsecond", tags=["night"], config={"lr": 0.125},
                      recorded=recorded)  # fmt: skip
    for loss in (0.5, 0.25, 0.375):
        run.log({"loss": loss}, None, 1e9)
    for load in (10, 90):
        shelf.say(run, "system", {"cpu": load}, 1e9 + load)
    shelf.say(run, "console", {"stream": "stdout", "text": "".join(f"line {n}\n" for n in range(300))})
    monkeypatch.setenv("ART_RUN_ID", run.run)
    assert art("log-artifact", "laps", "data").code == 0
    assert art("use", "laps").code == 0
    assert art("log-metrics", "--image", "seen=dot.png").code == 0
    server = serve(art.directory)
    found = page(server, run)
    for word in ("blue", "running", run.run, "train", "night", "first\nsecond", "0.125", "python train.py 'a b'",
                 "f00d on main, with changes", "tester", "line 299", "1 picture, 8 × 6"):  # fmt: skip
        assert word in found.words
    assert "line 99\n" not in found.words
    labels = [image["aria-label"] for image in found.all("svg")]
    assert labels == ["loss: 0.25 … 0.5, last 0.375", "cpu: 10 … 90, last 90"]
    assert [link["href"] for link in found.all("a")] == ["../../../files/car/laps:v0/"] * 2
    listed = server("GET", urljoin(f"/p/car/runs/{run.run}", found.all("a")[0]["href"] or ""))
    assert listed.json["version"] == "laps:v0"
    (image,) = found.all("img")
    assert (image["width"], image["height"], image["class"]) == ("8", "6", "tiny")
    seen = server("GET", urljoin(f"/p/car/runs/{run.run}", image["src"] or ""))
    assert (seen.status, seen.headers["content-type"], seen.body) == (200, "image/png", PNG)
    run.finish("failed", 3)
    assert "failed, exit 3" in page(server, run).words
    assert server("GET", urljoin(f"/p/car/runs/{run.run}", image["src"] or "")).body == PNG, "sealed"
    head = server("HEAD", f"/p/car/runs/{run.run}")
    assert (head.status, head.body) == (200, b"")


def test_a_picture_that_is_too_large_is_not_read(shelf: Shelf, tmp_path: Path) -> None:
    """What its record says of its size is the word of whoever pushed it."""
    run = shelf.begin("blue")
    file = tmp_path / "large.png"
    file.write_bytes(b"x" * 100)
    run.say([Record("file", 1e9, {"path": "large.png", "size": 1})], files={"large.png": file})
    for _ in range(2):
        with pytest.raises(NotFoundError, match="100 bytes, and at most 99"):
            kept.read(shelf.repository, run.run, "large.png", 99)
        assert len(kept.read(shelf.repository, run.run, "large.png", 100)) == 100
        run.finish()


def test_whatever_a_run_says_is_words(shelf: Shelf, serve: Serve) -> None:
    run = shelf.begin(
        SCRIPT, job_type=SCRIPT, group=CODES.strip("\x00"), notes=SCRIPT + CODES,
        config={SCRIPT: SCRIPT, CODES: [SCRIPT]},
        recorded={"argv": [SCRIPT], "cwd": SCRIPT, "git": {"commit": SCRIPT, "branch": CODES}},
    )  # fmt: skip
    for value in (1.0, NAN, 3.0):
        run.log({SCRIPT: value, CODES: value, "nothing": NAN, "large": 1e308 * (value - 2)}, None, 1e9)
    shelf.say(run, "system", {SCRIPT: 1.0})
    shelf.say(run, "console", {"stream": "stderr", "text": f"{SCRIPT}\n{CODES}\n"})
    for path in (f"media/images/{SCRIPT}.png", "../../../config.png", "media/images/a.svg"):
        run.log({path: {"_type": "image-file", "path": path, "caption": SCRIPT}}, None, 1e9)
    odd = {
        "size": SCRIPT,
        "count": [],
        "nrows": {},
        "format": SCRIPT,
        "values": [SCRIPT],
        "bins": SCRIPT,
        "width": SCRIPT,
    }
    for kind in ("html-file", "audio-file", "table-file", "histogram", "image-file", "images/separated", [], {}):
        run.log({f"odd{kind}": {"_type": kind, **odd}}, None, 1e9)
    run.log({"h": {"_type": "histogram", "values": [900, 100], "bins": [-1, 0, 2.5]}}, None, 1e9)
    shelf.repository.commit(lambda _, make: [make(Draft("input", {"run": run.run, "uri": f"http://x/{SCRIPT}"}))])
    server = serve(shelf.art.directory)
    answer = server("GET", f"/p/car/runs/{run.run}")
    found = Page(answer)
    assert not {"script", "iframe", "object", "form", "link", "base"} & {tag for tag, _ in found.found}
    assert not {name for _, attributes in found.found for name in attributes if name.startswith(("on", "style"))}
    for words in (SCRIPT, "histogram, 2 bins", "\nred\\x1b"[:4], "\\u202e", "nothing: no numbers"):
        assert words in found.words + str(found.found)
    assert not set("\x1b\x00\x07\u202e") & set(answer.body.decode())
    assert [(image["src"] or "").startswith(f"./{run.run}/") for image in found.all("img")] == [True, True]
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; img-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    style = answer.body.partition(b"<style>")[2].partition(b"</style>")[0]
    assert f"style-src 'sha256-{base64.b64encode(sha256(style).digest()).decode()}'" in policy
    assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")


def test_however_much_a_run_says_its_page_is_bounded(shelf: Shelf, serve: Serve) -> None:
    words = {f"key-{number}-{'k' * 300}": "<" * 300 for number in range(500)}
    run = shelf.begin("much", config=words)
    for step in range(1000):
        run.log({f"m{number:02}": step % 7 + number for number in range(50)}, None, 1e9 + step)
    for second in range(300):
        shelf.say(run, "system", {f"gpu.{number}.gpu": second % 100 for number in range(32)}, 1e9 + second)
    for _ in range(20):
        shelf.say(run, "console", {"stream": "stdout", "text": "<" * 100_000})
    run.finish()
    answer = serve(shelf.art.directory)("GET", f"/p/car/runs/{run.run}")
    found = Page(answer)
    assert len(found.all("svg")) == 60
    assert len(answer.body) < 1_000_000
    for more in ("10 more charts", "12 more charts", "300 more of them"):
        assert more in found.words


def test_a_value_alone_is_a_dot_that_is_seen(shelf: Shelf, serve: Serve) -> None:
    run = shelf.begin("blue")
    for step in range(6):
        run.log({"alone": 1.0 if step == 3 else NAN, "gap": NAN if step == 1 else float(step)}, None, 1e9)
    paths = page(serve(shelf.art.directory), run).all("path")
    assert [path["d"] for path in paths if path["class"] == "curve"] == ["", "M400 180L600 120L800 60L1000 0"]
    assert [path["d"] for path in paths if path["class"] == "dots"] == ["M600 150h0", "M0 300h0"]


def test_boxes_lie_over_their_picture(shelf: Shelf, serve: Serve) -> None:
    half = {"minX": 0.25, "maxX": 0.75, "minY": 0, "maxY": 0.5}
    boxes: list[object] = [
        {"position": half, "class_id": 7, "scores": {"conf": 0.9125, "huge": 10**400, "none": NAN, "x": SCRIPT}},
        {"position": {"middle": [50, 20], "width": 20, "height": 20}, "domain": "pixel", "class_id": 1},
        {"position": half, "box_caption": SCRIPT},
    ]
    odd: list[object] = [
        None, {}, {"position": None}, {"position": {**half, "maxX": "x"}}, {"position": {**half, "maxX": 0}},
        {"position": {**half, "maxX": NAN}}, {"position": {**half, "minX": -1e308}},
        {"position": {"middle": [], "width": 1, "height": 1}}, {"position": {"middle": 1, "width": 1, "height": 1}},
    ]  # fmt: skip
    image = {"_type": "image-file", "path": "media/images/a.png", "width": 100, "height": 40}
    run = shelf.begin("blue")
    for key, value in {
        "seen": {"truth": {"box_data": boxes, "class_labels": {"7": "helmet"}}},
        "odd": {
            "a": {"box_data": odd},
            "b": {"box_data": 1},
            "c": [],
            "d": {"box_data": boxes[:1], "class_labels": []},
        },
        "none": [1],
    }.items():
        run.log({key: {**image, "boxes": value}}, None, 1e9)
    found = page(serve(shelf.art.directory), run)
    told = [(box["class"], box["x"], box["y"], box["width"], box["height"]) for box in found.all("rect")]
    first = ("box1", "250.0", "0.0", "500.0", "500.0")
    assert sorted(told) == sorted([first, ("box1", "400.0", "250.0", "200.0", "500.0"), ("box0", *first[1:]), first])
    assert "helmet conf 0.912" in found.words
    assert SCRIPT in found.words
    assert len(found.all("img")) == 3
    assert not found.all("script")


@pytest.mark.parametrize("path", [
    "", "car", "car/runs", "car/runs/", "car/runs/RUN/", "car/runs/nobody", "dog/runs/RUN", "car/RUN", "car/runs/%ff",
    "car/runs/RUN/config", "car/runs/RUN/../../../config", "car/runs/RUN/%2e%2e/%2e%2e/config.png",
    "car/runs/RUN/media/images/no.png", "car/runs/RUN/files/page.html", "car/runs/RUN/head.json", "car%2fruns/RUN",
])  # fmt: skip
def test_what_is_no_page(path: str, shelf: Shelf, serve: Serve) -> None:
    run = shelf.begin("blue")
    shelf.repository.commit(lambda _, make: [])
    server = serve(shelf.art.directory)
    answer = server("GET", f"/p/{path.replace('RUN', run.run)}")
    assert answer.status in (400, 404)
    assert Page(answer).all("h1")
    assert str(shelf.art.directory) not in answer.body.decode()


def basic(text: str, user: str = "") -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{text}'.encode()).decode()}"}


def test_a_browser_sends_a_token_as_a_password(shelf: Shelf, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    art, run = shelf.art, shelf.begin("blue")
    (art.directory / "a").write_text("a")
    monkeypatch.setenv("ART_RUN_ID", run.run)
    assert art("log-artifact", "laps", "a").code == 0
    text, other = token(art, "reader"), token(art, "other", "--project", "dog")
    server = serve(art.directory)
    path = f"/p/car/runs/{run.run}"
    for head in ({}, basic(""), basic(text[:-1]), {"Authorization": "Basic !"}, {"Authorization": "Basic /w=="},
                 {"Authorization": f"Basic {text}"}):  # fmt: skip
        for asked in (path, f"{path}/media/images/x.png", "/p/", "/p/car/runs/nobody"):
            refused = server("GET", asked, headers=head)
            assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Basic realm="art"')
            assert refused.headers["content-type"].startswith("text/html")
            assert "blue" not in refused.body.decode()
    assert (
        server("GET", path, headers=basic(text)).status == server("GET", path, headers=basic(text, "me")).status == 200
    )
    assert server("GET", path, token=text).status == 200
    found = Page(server("GET", path, token=text))
    assert "laps:v0" in found.words
    assert not found.all("a"), "files ask for a Bearer token, which browsers have not"
    assert server("GET", path, headers=basic(other)).status == 403
    for method, asked in [
        ("GET", "/v1/info"), ("GET", "/v1/o/config"), ("GET", "/v1/list"), ("POST", "/v1/batch"), ("GET", "/metrics"),
        ("GET", "/files/car/laps:v0/"), ("PUT", "/files/car/laps/b"), ("POST", "/drafts"), ("GET", "/drafts/x"),
    ]:  # fmt: skip
        refused = server(method, asked, headers=basic(text))
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer"), asked
        assert refused.slug == "token-needed"
    for method in ("PUT", "POST", "DELETE"):
        assert server(method, path, headers=basic(text)).status == 405
    assert text not in server.log.read_text()
    assert run.run in server.log.read_text()


def test_a_run_of_one_of_several_repositories(art: Art, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "many" / "car").mkdir(parents=True)
    shelf = Shelf(Art(tmp_path / "many" / "car"))
    run = shelf.begin("blue", config={"lr": 0.125})
    shelf.repository.close()
    server = serve("--many", "many")
    assert "0.125" in Page(server("GET", f"/car/p/car/runs/{run.run}")).words
    assert server("GET", f"/p/car/runs/{run.run}").status == 404
