"""A machine that has nothing but ART_REMOTE and ART_TOKEN, and two lines of a program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.command_line import Art
from tests.web.kit import Server

USES = """
import artcli as wandb
with wandb.init(project="car", job_type="eval") as run:
    folder = run.use_artifact("model:latest").download()
    print(open(folder + "/model.pth").read())
"""
MAKES = """
import artcli as wandb
with wandb.init(project="car", job_type="train", config={"lr": 0.1}) as run:
    data = run.use_artifact("dataset:latest").download()
    model = wandb.Artifact("model", type="model")
    with model.new_file("model.pth") as file:
        file.write("better weights" + " and more" * 1000)
    run.log_artifact(model, aliases=["best"])
    wandb.log({"loss": 0.5})
    print("url", run.url)
"""
ASKS = """
import artcli
api = artcli.Api(overrides={"project": "car"})
best = api.artifact("model:best")
print(best.version, best.logged_by().config["lr"], best.logged_by().summary["loss"])
print("url", best.logged_by().url)
"""


class Notebook:
    """An empty directory, and programs that run there."""

    def __init__(self, folder: Path, **environment: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "ART_CONFIG": os.devnull, **environment}

    def __call__(self, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("ART_", "WANDB_"))}
        return subprocess.run(
            [sys.executable, "-c", program], cwd=self.folder, capture_output=True, text=True, timeout=100,
            env={**plain, **self.environment, **environment},
        )  # fmt: skip


@pytest.fixture
def home(place: Path) -> Art:
    """A repository with a dataset, a model, and the run that made it."""
    art = Art(place)
    (place / "data").mkdir()
    (place / "data" / "a.bin").write_bytes(b"data" * 50_000)
    (place / "out").mkdir()
    (place / "out" / "model.pth").write_text("weights" + " and" * 1000)
    assert art("init", "--project", "car").code == 0
    run = art("run", "start", "--name", "first", "-c", "lr=1", "-p", "car").out.strip()
    for name, folder in (("dataset", "data"), ("model", "out")):
        assert art("log-artifact", name, folder, "--run", run, "-p", "car", "-t", name).code == 0
    assert art("run", "finish", run).code == 0
    return art


@pytest.fixture
def server(home: Art, tmp_path: Path) -> Iterator[Server]:
    running = Server(home.directory, log=tmp_path / "serve.log")
    yield running
    running.process.terminate()
    running.process.wait(30)
    if running.process.stdout:
        running.process.stdout.close()


def token(home: Art) -> str:
    return home("token", "create", "notebook", "--scope", "write", "-q").lines[0]


@pytest.fixture
def notebook(home: Art, server: Server, tmp_path: Path) -> Notebook:
    return Notebook(tmp_path / "notebook", ART_REMOTE=server.url, ART_TOKEN=token(home))


def test_two_lines_bring_the_model(notebook: Notebook) -> None:
    done = notebook(USES)
    assert done.stdout.startswith("weights and"), done.stderr
    assert "joined http://" in done.stderr
    assert notebook.environment["ART_TOKEN"] not in done.stderr
    again = notebook(USES)
    assert (again.returncode, again.stdout[:7]) == (0, "weights")


def test_what_it_makes_is_at_home_when_it_ends(notebook: Notebook, home: Art, server: Server) -> None:
    done = notebook(MAKES)
    assert done.returncode == 0, done.stderr
    assert "pushed" in done.stderr
    (address,) = re.findall(r"art: its page: (\S+) once it is pushed\n", done.stderr)
    assert address.startswith(f"{server.url}/p/car/runs/")
    (url,) = re.findall(r"url (\S+)", done.stdout)
    assert url == address
    assert b"0.5" in server("GET", address.removeprefix(server.url), token=notebook.environment["ART_TOKEN"]).body
    card = Art(notebook.folder)("run", "show", "-1", "-p", "car").out
    assert card.splitlines()[-1].split() == ["page", address], "it is there now"
    assert home("ls", "model", "-p", "car", "-q").lines == ["model:v1", "model:v0"]
    assert home("show", "model:best", "-p", "car", "--field", "producer.config.lr").out == "0.1\n"
    asked = Notebook(notebook.folder.parent / "other", **notebook.environment)(ASKS)
    assert (asked.returncode, asked.stdout) == (0, f"v1 0.1 0.5\nurl {url}\n"), asked.stderr
    graph = home("graph", "model:best", "--explode", "-p", "car").out
    assert "dataset:v0" in graph


def test_a_server_that_is_gone_when_it_ends_costs_nothing(notebook: Notebook, home: Art, server: Server) -> None:
    assert notebook(USES).returncode == 0
    server.process.terminate()
    server.process.wait(30)
    away = notebook(MAKES.replace("data = run", "# data = run"), ART_PATIENCE="1")
    assert away.returncode == 0, away.stderr
    assert "what is logged waits here" in away.stderr
    assert f"art -C {notebook.folder} push" in away.stderr
    port = server.url.rpartition(":")[2]
    back = subprocess.Popen(
        [sys.executable, "-m", "artcli", "serve", "--port", port], cwd=home.directory, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert back.stdout
        back.stdout.readline()
        ended = subprocess.run(
            [sys.executable, "-m", "artcli", "-C", str(notebook.folder), "push"], capture_output=True, text=True,
            env={**os.environ, **notebook.environment}, timeout=60,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
    finally:
        back.terminate()
        back.communicate()
    assert home("ls", "model", "-p", "car", "-q").lines == ["model:v1", "model:v0"]


def test_one_that_was_never_reached(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "notebook", ART_REMOTE="http://127.0.0.1:9", ART_TOKEN="x", ART_PATIENCE="1")
    done = notebook(MAKES.replace("data = run", "# data = run"))
    assert done.returncode == 0, done.stderr
    assert "not pushed" in done.stderr
    assert Art(notebook.folder)("ls", "model", "-p", "car", "-q").lines == ["model:v0"]
    assert Art(notebook.folder)("fsck").code == 0


def test_a_wrong_token_is_said(notebook: Notebook) -> None:
    done = notebook(USES, ART_TOKEN="nobody-knows-it")
    assert done.returncode == 1
    assert "token" in done.stderr
    assert "nobody-knows-it" not in done.stderr


def test_who_wants_to_be_left_alone_is(notebook: Notebook, home: Art) -> None:
    done = notebook(MAKES.replace("data = run", "# data = run"), ART_MODE="offline")
    assert done.returncode == 0, done.stderr
    assert "joined" not in done.stderr
    assert home("ls", "model", "-p", "car", "-q").lines == ["model:v0"]


def test_a_run_of_the_shell_joins_too(notebook: Notebook, home: Art) -> None:
    (notebook.folder / "program.py").write_text("open('out.txt', 'w').write('made in the shell' * 100)")
    words = ["run", "-p", "car", "--log", "result=out.txt", "--", sys.executable, "program.py"]
    done = subprocess.run(
        [sys.executable, "-m", "artcli", *words],
        cwd=notebook.folder, capture_output=True, text=True, timeout=60, env={**os.environ, **notebook.environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert home("ls", "result", "-p", "car", "-q").lines == ["result:v0"]


def test_a_directory_is_a_remote_too(home: Art, tmp_path: Path) -> None:
    assert home("remote", "add", "nas", str(tmp_path / "nas")).code == home("push").code == 0
    notebook = Notebook(tmp_path / "notebook", ART_REMOTE=str(tmp_path / "nas"))
    assert notebook(MAKES).returncode == 0
    assert home("pull").code == 0
    assert home("ls", "model", "-p", "car", "-q").lines == ["model:v1", "model:v0"]
