"""scripts/bench measures right, tells right and fails right; on tiny data, with cp and made-up tools."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from benchmark import data, limits, recorders, remotes, report, tools, works  # noqa: E402
from benchmark.compare import difference  # noqa: E402
from benchmark.measure import _TOUCH, Failed, quietly, run, touch, tree_size  # noqa: E402
from benchmark.plan import Plan, Row  # noqa: E402
from benchmark.relay import Relay  # noqa: E402
from benchmark.tools import Absent, Art, Tool, Trash, Venvs, wipe  # noqa: E402

ENV = dict(os.environ)


def python(code: str, tmp_path: Path, **options: float):
    return run([sys.executable, "-c", code], cwd=tmp_path, env=ENV, **options)


def has_ended(pid: int) -> bool:
    """The process is gone, or dead and waiting for its parent to ask."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def soon(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


class TestMeasure:
    def test_wall_is_the_time_it_took_and_sleeping_costs_no_cpu(self, tmp_path: Path) -> None:
        measured = python("import time; time.sleep(0.3)", tmp_path)
        assert 0.3 <= measured.wall < 5
        assert measured.cpu < measured.wall
        assert measured.status == 0

    def test_cpu_counts_the_children_of_a_command(self, tmp_path: Path) -> None:
        burn = "import time\nwhile time.process_time() < 0.3: pass"
        measured = run(f'"{sys.executable}" -c "{burn}"; true', cwd=tmp_path, env=ENV)
        assert measured.cpu >= 0.3

    def test_anonymous_memory_is_that_of_all_processes_at_once(self, tmp_path: Path) -> None:
        hold = "import time; held = bytearray(40 << 20); time.sleep(0.4)"
        both = (
            "import subprocess, sys\n"
            f"two = [subprocess.Popen([sys.executable, '-c', {hold!r}]) for _ in range(2)]\n"
            "[one.wait() for one in two]"
        )
        measured = python(both, tmp_path)
        assert measured.anon > 80 << 20
        # Linux counts what the child was before its exec: a copy of this process
        floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        assert 40 << 20 < measured.rss < max(80 << 20, floor + 1)  # the largest one alone

    def test_mapped_files_are_not_anonymous(self, tmp_path: Path) -> None:
        (tmp_path / "big").write_bytes(bytes(64 << 20))
        touch = (
            "import mmap, time; big = open('big', 'rb'); view = mmap.mmap(big.fileno(), 0, access=mmap.ACCESS_READ)\n"
            "sum(view[at] for at in range(0, len(view), 4096)); time.sleep(0.1)"
        )
        measured = python(touch, tmp_path)
        assert measured.anon < 40 << 20
        assert measured.rss > 64 << 20

    def test_a_status_and_the_end_of_the_output_are_told(self, tmp_path: Path) -> None:
        measured = run("echo about to fail; exit 3", cwd=tmp_path, env=ENV)
        assert (measured.status, measured.output) == (3, "about to fail")
        with pytest.raises(Failed, match="status 3: about to fail"):
            quietly("echo about to fail; exit 3", cwd=tmp_path, env=ENV)

    def test_a_command_that_does_not_end_is_killed_with_its_children(self, tmp_path: Path) -> None:
        measured = run("sleep 60 & sleep 60; wait", cwd=tmp_path, env=ENV, timeout=0.3)
        assert measured.wall < 10
        assert measured.status == -9

    def test_memory_that_is_touched_is_really_taken(self, tmp_path: Path) -> None:
        touch(1 << 20)
        measured = python(
            f"import sys; sys.argv[1:] = [str(96 << 20)]\n{_TOUCH}\nimport time; time.sleep(0.1)", tmp_path
        )
        assert 90 << 20 < measured.anon < 130 << 20

    def test_a_row_is_disturbed_when_others_use_a_tenth_of_the_machine(self, tmp_path: Path) -> None:
        calm = replace(python("pass", tmp_path), wall=1.0)
        cores = os.cpu_count() or 1
        assert replace(calm, others=0.2 * cores).disturbed
        assert not replace(calm, others=0.05 * cores).disturbed


class TestTreeSize:
    def test_counts_bytes_and_files_hard_links_once(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a/one").write_bytes(b"x" * 10)
        os.link(tmp_path / "a/one", tmp_path / "two")
        (tmp_path / "three").write_bytes(b"y" * 5)
        assert tree_size([tmp_path]) == (15, 2)
        assert tree_size([tmp_path / "absent"]) == (0, 0)

    def test_art_stores_packs_and_log_but_not_cache_and_local(self, tmp_path: Path) -> None:
        repository = tmp_path / "work/.art"
        for name, size in (("packs/aa/p", 100), ("log/1", 7), ("config", 3), ("cache/stat.db", 50), ("local/x", 60)):
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            (repository / name).write_bytes(bytes(size))
        art = Art.__new__(Art)
        art.box = tmp_path
        assert art.stored() == 110


class TestData:
    def test_the_same_bytes_every_time_and_the_edit_is_1_kib_and_64_kib(self, tiny: Path, tmp_path: Path) -> None:
        pytest.importorskip("numpy")
        data.make("tiny", tmp_path)
        for name in ("model", "tuned", "images", "table"):
            assert difference(tiny / name, tmp_path / name) is None
        model = (tiny / "model" / data.WEIGHTS).read_bytes()
        edited = [data.edit_model(tiny, seed).read_bytes() for seed in (0, 0, 1)]
        assert edited[0] == edited[1] != edited[2]
        assert len(edited[0]) == len(model) + 1024
        known = {model[at : at + 64] for at in range(0, len(model), 64)}  # 1 KiB more keeps blocks of 64 B in step
        strange = sum(edited[0][at : at + 64] not in known for at in range(0, len(edited[0]), 64))
        assert (65536 + 1024) / 64 - 4 <= strange <= (65536 + 1024) / 64 + 4

    def test_weights_are_safetensors(self, tiny: Path) -> None:
        content = (tiny / "model" / data.WEIGHTS).read_bytes()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        assert header["layers.3.weight"]["data_offsets"][1] == len(content) - 8 - length
        tuned = (tiny / "tuned" / data.WEIGHTS).read_bytes()
        width = data.SIZES["tiny"].floats * 4
        differing = [at for at in range(8 + length, len(content), width) if content[at:][:width] != tuned[at:][:width]]
        assert len(differing) * width == data.tuned_bytes("tiny")

    def test_a_tree_goes_to_any_state_and_back(self, tiny: Path, tmp_path: Path) -> None:
        wanted = tmp_path / "images"
        subprocess.run(["cp", "-r", tiny / "images", wanted], check=True)
        tree = data.Tree(wanted)
        tree.go(2)
        assert tree.state == 2
        assert tree_size([wanted])[1] == tree_size([tiny / "images"])[1] + 10
        data.Tree(wanted).go(1)  # as after a crash: what is known lies on disk
        assert tree_size([wanted])[1] == tree_size([tiny / "images"])[1] + 5
        tree.go(0)
        assert difference(tiny / "images", wanted) is None


class TestCompare:
    @pytest.fixture
    def trees(self, tiny: Path, tmp_path: Path) -> tuple[Path, Path]:
        subprocess.run(["cp", "-r", tiny / "images", tmp_path / "copy"], check=True)
        return tiny / "images", tmp_path / "copy"

    def test_equal_trees(self, trees: tuple[Path, Path]) -> None:
        assert difference(*trees) is None

    def test_a_missing_file_one_too_many_a_wrong_size_and_a_wrong_byte(self, trees: tuple[Path, Path]) -> None:
        source, copy = trees
        target = copy / "002/img_00001.jpg"
        content = target.read_bytes()
        target.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert "other bytes" in str(difference(source, copy))
        target.write_bytes(content[:-1])
        assert "bytes, not" in str(difference(source, copy))
        target.unlink()
        assert "1 files missing" in str(difference(source, copy))
        target.write_bytes(content)
        (copy / "extra").write_bytes(b"")
        assert "1 too many" in str(difference(source, copy))
        assert "missing" in str(difference(source, copy / "nowhere"))


class Fake(Tool):
    """Stores by copying; damages what it restores if told so."""

    name = "fake"
    damage = b""

    def find(self, venvs: Venvs) -> str:
        return "cp"

    def create(self) -> None:
        self.store.mkdir()

    def add(self, source: Path, tag: str):
        return f"cp -r {source} {self.store}/{tag}", self.box

    def restore(self, source: Path, tag: str, out: Path):
        return f"cp -r {self.store}/{tag} {out}/{source.name}; {self.damage.decode()}", out


class Broken(Fake):
    name = "broken"

    def add(self, source: Path, tag: str):
        return "echo no space left; exit 4", self.box


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("numpy")
    root = tmp_path_factory.mktemp("tiny")
    data.make("tiny", root)
    return root


@pytest.fixture
def bench(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/tiny").symlink_to(tiny)
    for tool in (Fake, Broken):
        monkeypatch.setitem(works.TOOLS, tool.name, tool)
    rows: list[Row] = []

    def make(*chosen: str, tools: tuple[str, ...] = ("fake",), **options: int):
        plan = Plan("tiny", tmp_path, chosen, tools, chosen=True, **options)
        return works.Bench(plan, Venvs(tmp_path / "venvs", print), rows.append), rows

    return make


class TestWorks:
    def test_tools_take_turns_and_rows_tell_what_the_store_gained(self, bench) -> None:
        harness, rows = bench("W1", tools=("fake", "cp"), repeats=3)
        harness.run()
        turns = [("fake", 0), ("cp", 0), ("cp", 1), ("fake", 1), ("fake", 2), ("cp", 2)]  # another is first each round
        assert [(row["tool"], row["round"]) for row in rows] == turns
        size = tree_size([harness.data / "model"])[0]
        assert {row["stored"] for row in rows} == {row["added"] for row in rows} == {size}

    def test_what_a_wanted_work_needs_runs_without_a_row(self, bench) -> None:
        harness, rows = bench("W3", repeats=2)
        harness.run()
        assert [row["work"] for row in rows] == ["W3", "W3"]
        assert data.Tree(harness.data / "images").state == 0
        assert not harness.boxes.exists()

    def test_a_restored_tree_is_compared(self, bench, monkeypatch: pytest.MonkeyPatch) -> None:
        harness, rows = bench("W5-images", repeats=1)
        harness.run()
        assert rows[-1]["differs"] is None
        monkeypatch.setattr(Fake, "damage", b"rm images/001/img_00000.txt")
        harness.run()
        assert rows[-1]["differs"] == "1 files missing, 0 too many, as 001/img_00000.txt"

    def test_a_command_that_fails_leaves_a_row_with_its_reason_and_the_others_go_on(self, bench) -> None:
        harness, rows = bench("CSV", tools=("broken", "fake"), repeats=2)
        harness.run()
        assert "status 4" in rows[0]["failed"]
        assert "no space left" in rows[0]["failed"]
        assert [row["tool"] for row in rows] == ["broken", "fake", "fake"]

    def test_a_tool_that_cannot_be_had_is_left_out(self, bench, monkeypatch: pytest.MonkeyPatch) -> None:
        def find(self: Tool, venvs: Venvs) -> str:
            raise Absent("no fake on PATH")

        monkeypatch.setattr(Fake, "find", find)
        harness, rows = bench("CSV", tools=("fake", "cp"), repeats=1)
        harness.run()
        assert harness.absent == {"fake": "no fake on PATH"}
        assert [row["tool"] for row in rows] == ["cp"]

    def test_the_environment_of_a_checkout_is_made_anew_when_what_it_needs_changes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[Path] = []

        def make(folder: Path, requirement: object) -> None:
            (folder / "bin").mkdir(parents=True, exist_ok=True)
            (folder / "bin/art").touch()
            made.append(folder)

        monkeypatch.setattr(tools, "CHECKOUT", tmp_path)
        venvs = Venvs(tmp_path / "venvs", print)
        monkeypatch.setattr(venvs, "_make", make)
        for needs, times in (("blake3", 1), ("blake3", 1), ("blake3, anyio", 2)):
            (tmp_path / "pyproject.toml").write_text(needs)
            venvs.program("art", ["-e", str(tmp_path)], "art")
            assert len(made) == times

    def test_calls_counted_by_strace(self) -> None:
        table = (
            "% time     seconds  usecs/call     calls    errors syscall\n"
            "------ ----------- ----------- --------- --------- ----------------\n"
            " 90.00    0.000090          18         5           fsync\n"
            " 10.00    0.000010          10         1         1 fdatasync\n"
            "------ ----------- ----------- --------- --------- ----------------\n"
            "100.00    0.000100          16         6         1 total\n"
        )
        assert works.traced_calls(table) == 6
        assert works.traced_calls("") == 0


OFFLINE = """
class Artifact:
    def __init__(self, name, type): pass
    def add_dir(self, folder): pass
    def wait(self): pass
class Run:
    def log_artifact(self, artifact): return artifact
    def use_artifact(self, name): raise TypeError("Cannot use artifact when in offline mode.")
    def finish(self): print("done")
init, log, finish = lambda project: Run(), lambda row: None, lambda: print("bye")
"""


class NoTrackio(Venvs):
    """Has a made-up wandb, and nothing else."""

    def program(self, name: str, requirement: Sequence[str], program: str) -> str:
        if name == "wandb":
            return sys.executable
        raise Absent(f"{name} could not be installed")


class TestRecorders:
    @pytest.fixture
    def recorded(self, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        (tmp_path / "data").mkdir()
        (tmp_path / "data/tiny").symlink_to(tiny)
        (tmp_path / "modules").mkdir()
        (tmp_path / "modules/wandb.py").write_text(OFFLINE)
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'modules'}:{ROOT}")
        art = tmp_path / "art"  # only its first line is read
        art.write_text(f"#!{sys.executable}\n")
        art.chmod(0o755)
        monkeypatch.setenv("ART_BENCH_PROGRAM", str(art))

        def run(*chosen: str, repeats: int = 1) -> tuple[works.Bench, list[Row]]:
            rows: list[Row] = []
            plan = Plan("tiny", tmp_path, chosen, ("art",), repeats=repeats)
            harness = works.Bench(plan, NoTrackio(tmp_path / "venvs", print), rows.append)
            harness.run()
            return harness, rows

        return run

    def test_files_go_in_and_come_back_and_who_cannot_says_so(self, recorded) -> None:
        harness, rows = recorded("run-download", "run-again", repeats=2)
        told = [(row["work"], row["tool"], row["round"], row.get("differs"), row.get("failed")) for row in rows]
        offline = "TypeError: Cannot use artifact when in offline mode."
        assert told == [
            ("run-download", "art", 0, None, None),
            ("run-download", "copytree", 0, None, None),
            ("run-download", "wandb", 0, None, offline),
            ("run-download", "copytree", 1, None, None),
            ("run-download", "art", 1, None, None),
            ("run-again", "art", 0, None, None),
            ("run-again", "wandb", 0, None, "its download failed"),
            ("run-again", "art", 1, None, None),
        ]
        assert harness.absent == {"trackio": "trackio could not be installed"}
        assert [found.split()[0] for found in harness.recorders_found] == ["wandb"]
        assert not harness.boxes.exists()

    def test_calls_are_timed_without_the_start_of_the_interpreter(self, recorded) -> None:
        _, rows = recorded("run-import", "run-short", "run-log", "run-whole", "run-artifact")
        assert [row for row in rows if "failed" in row] == []
        own = {row["work"]: row for row in rows if row["tool"] == "art"}
        assert own.keys() == {"run-import", "run-short", "run-log", "run-whole", "run-artifact"}
        assert 0 < own["run-import"]["wall"] < own["run-import"]["cpu"]
        assert 0 < own["run-log"]["wall"] < own["run-whole"]["wall"]

    def test_the_last_number_is_the_time(self) -> None:
        assert recorders._answer("3\n/tmp/files\n0.25\nbye\n") == (Path("/tmp/files"), 0.25)
        assert recorders._answer("hello\n\n1e-5") == (None, 1e-5)
        assert recorders._answer("1") == (None, 1.0)
        with pytest.raises(Failed, match="no time in"):
            recorders._answer("bye")


class FakeSharer(remotes.Sharer):
    """Copies to the place and back."""

    def begin(self, url: str) -> None:
        (Path(url) / "begun").touch()

    def push(self, url: str):
        return f"cp -rn {self.tool.store}/. {url}", self.tool.box

    def bring(self, url: str, source: Path, tag: str, out: Path):
        return f"cp -r {url}/{tag} {source.name}", out

    def whole(self, url: str, out: Path):
        return f"cp -r {url} copy", out

    def server(self, port: int) -> list[str]:
        raise AssertionError("it is not asked to serve")

    def url(self, port: int) -> str:
        raise AssertionError("it is not asked to serve")


class TestRemotes:
    def test_what_is_pushed_is_what_comes_back_and_a_delta_is_small(
        self, bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def sharers(harness: works.Bench, scene: Sequence[str]) -> list[remotes.Sharer]:
            found = [FakeSharer(tool) for tool in harness.contenders(*scene)]
            for one in found:
                one.tool.fresh()
            return found

        monkeypatch.setattr(remotes, "_sharers", sharers)
        monkeypatch.setattr(FakeSharer, "add", lambda self, source, tag: quietly(
            *[f"cp -r {source} {self.tool.store}/{tag}"], cwd=self.tool.box, env=ENV))  # fmt: skip
        harness, rows = bench("push", "push-delta", "clone", "clone-full", repeats=2)
        monkeypatch.setitem(works.SCENES, "directory", remotes.DIRECTORY)
        remotes.measure(harness, remotes.DIRECTORY)
        assert [(row["work"], row["round"]) for row in rows] == [
            (work, number) for work in ("push", "clone", "clone-full", "push-delta") for number in range(2)
        ]
        size = tree_size([harness.data / "images"])[0]
        assert [row["added"] for row in rows if row["work"] == "push"] == [size, size]
        assert [row["differs"] for row in rows if row["work"] == "clone"] == [None, None]
        assert all(0 < row["added"] < 2 * size for row in rows if row["work"] == "push-delta")
        assert data.Tree(harness.data / "images").state == 0

    def test_a_relay_counts_what_goes_each_way(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def answer() -> None:
                line, _ = listener.accept()
                with line:
                    asked = line.recv(100, socket.MSG_WAITALL)
                    line.sendall(asked * 30)

            threading.Thread(target=answer, daemon=True).start()
            with Relay(listener.getsockname()[1]) as relay:
                with socket.create_connection(("127.0.0.1", relay.port)) as line:
                    line.sendall(bytes(100))
                    assert len(line.recv(3000, socket.MSG_WAITALL)) == 3000
                assert (relay.up, relay.down) == (100, 3000)
                relay.forget()
                assert (relay.up, relay.down) == (0, 0)


def row(work: str, tool: str, **values: object) -> Row:
    usual = {"round": 0, "wall": 1.0, "cpu": 1.0, "user": 1.0, "others": 0.0, "disturbed": False, "anon": 1, "rss": 1}
    return {"work": work, "tool": tool, **usual, **values}


RAW = {"model": 2 << 30, "images": 1_600_000_000, "table": 300_000_000, "tuned": 6 << 24}


def verdicts(*rows: Row, size: str = "full") -> dict[tuple[str, str], str]:
    return {(line.work, line.what): line.verdict for line in limits.judge(limits.Rows(rows), size, RAW)}


class TestLimits:
    def test_a_ratio_to_the_median_of_the_fastest_rival(self) -> None:
        rows = [row("W2", "art", wall=wall) for wall in (3.0, 4.0, 90.0)]
        assert verdicts(*rows, row("W2", "borg", wall=10.0), row("W2", "hf-xet", wall=20.0))["W2", "wall"] == "pass"
        assert verdicts(*rows, row("W2", "borg", wall=20.0), row("W2", "hf-xet", wall=9.9))["W2", "wall"] == "MISS"
        assert verdicts(*rows)["W2", "wall"] == "no rival"
        assert verdicts(*rows, row("W2", "borg", failed="x", wall=1.0))["W2", "wall"] == "it failed"
        assert verdicts(*rows, row("W2", "borg", wall=1.0), size="small")["W2", "wall"] == "not judged"
        assert verdicts(*rows, row("W2", "borg", wall=20.0), row("W2", "restic", wall=1.0))["W2", "wall"] == "pass"
        again = row("W3", "art"), row("W3", "borg", wall=9.0), row("W3", "restic", wall=2.0)
        assert verdicts(*again)["W3", "wall"] == "MISS"

    def test_a_recorder_is_compared_with_each_of_its_rivals(self) -> None:
        rows = [row("run-again", "art"), row("run-again", "trackio", wall=0.9), row("run-again", "wandb", failed="x")]
        told = [(line.against, line.verdict) for line in limits.judge(limits.Rows(rows), "full", RAW)]
        assert told[:2] == [("wandb", "it failed"), ("trackio", "MISS")]
        assert limits.judge(limits.Rows(rows[:2]), "full", RAW)[0].verdict == "no rival"

    def test_bytes_are_judged_at_every_size(self) -> None:
        kept = {"stored": 1_860_000_000, "added": 1_860_000_000}
        assert verdicts(row("W1", "art", **kept), size="small")["W1", "stored"] == "pass"
        assert verdicts(row("W1", "art", **{**kept, "stored": 1_861_000_000}))["W1", "stored"] == "MISS"
        both = row("W4", "art", added=300), row("W4", "hf-xet", added=299)
        assert verdicts(*both)["W4", "added"] == "MISS"

    def test_bytes_on_the_wire_and_what_a_server_gives(self) -> None:
        good = [row("wire", "art push", wire=1_020, stored=1_000), row("wire", "art clone", wire=1_021, stored=1_000)]
        told = verdicts(*good, row("server", "art serve", wall=4.0, fetched=10**9))
        assert told["wire", "art push: bytes"] == "pass"
        assert told["wire", "art clone: bytes"] == "MISS"
        assert told["server", "seconds for 250 MB"] == "pass"
        assert verdicts(row("server", "art serve", wall=4.1, fetched=10**9))["server", "seconds for 250 MB"] == "MISS"
        assert (
            verdicts(row("server-16", "art serve", anon=257 << 20))["all", "most anonymous memory (server-16)"]
            == "MISS"
        )

    def test_the_most_memory_of_any_work_counts(self) -> None:
        rows = row("W1", "art", anon=100 << 20), row("W2", "art", anon=257 << 20), row("W2", "borg", anon=900 << 20)
        assert verdicts(*rows)["all", "most anonymous memory (W2)"] == "MISS"
        assert verdicts(rows[0], rows[2])["all", "most anonymous memory (W1)"] == "pass"

    def test_start_up_is_what_lies_above_the_interpreter(self) -> None:
        floor, told = row("start", "python -c pass", wall=0.05), "art --version: seconds over python -c pass"
        assert verdicts(floor, row("start", "art --version", wall=0.149))["start", told] == "pass"
        assert verdicts(floor, row("start", "art --version", wall=0.152))["start", told] == "MISS"

    def test_calls_of_fsync(self) -> None:
        rows = row("fsync", "art log-artifact", calls=8), row("fsync", "art alias", calls=3)
        assert verdicts(*rows)["fsync", "art log-artifact: calls"] == "pass"
        assert verdicts(*rows)["fsync", "art alias: calls"] == "MISS"

    def test_ten_times_as_many_files_may_not_cost_more_a_file(self) -> None:
        rows = row("million", "art add", files=100, wall=1.0), row("million", "art add", files=1000, wall=11.0)
        assert verdicts(*rows)["million", "add: a file"] == "MISS"

    def test_what_art_did_wrong_is_told_whatever_the_limits(self) -> None:
        found = limits.Rows([row("W5-model", "art", differs="1 files missing"), row("W1", "borg", failed="x")])
        assert limits.wrong(found) == ["W5-model art: restored tree differs: 1 files missing"]


class TestReport:
    def test_the_tables_hold_medians_verdicts_and_what_was_left_out(self) -> None:
        rows = limits.Rows(
            [row("W2", "art", wall=wall, stored=1_605_000_000, disturbed=wall > 9) for wall in (5.0, 4.0, 90.0)]
            + [row("W2", "borg", wall=12.0, disturbed=True), row("W2", "dvc", failed="status 1: no")]
        )
        text = report.markdown(rows, limits.judge(rows, "full", RAW), ["left out: restic"], {"command": "`x`"})
        assert "| W2 add many files | wall | 5.00 s * | borg | 12.00 s | 0.4167 × | ≤ 0.4 × | **MISS** |" in text
        assert "| art | 5.000 * | 4.000–90.000 | 3 |" in text
        assert "| borg | 12.000 * | 12.000–12.000 | 1 | 1.000 | 0.00 | 0 | 0 |  |  | 0.417 |" in text
        assert "| dvc | failed: 'status 1: no' |" in text
        assert "- left out: restic" in text
        assert "- command: `x`" in text


class TestCommand:
    @pytest.fixture
    def call(self, tmp_path: Path, tiny: Path):
        (tmp_path / "data").mkdir()
        subprocess.run(["cp", "-r", tiny, tmp_path / "data/tiny"], check=True)

        def call(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, str(ROOT / "scripts/bench"), *arguments]
            env = {**ENV, "ART_BENCH_DIR": str(tmp_path)}
            return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

        return call

    def test_a_run_from_start_to_end(self, call, tmp_path: Path) -> None:
        done = call("--size", "tiny", "--tools", "cp", "--only", "CSV,W5-model", "--out", str(tmp_path / "rows"))
        assert done.returncode == 0, done.stderr
        assert "| cp |" in done.stdout
        assert "--only CSV,W5-model" in done.stdout
        lines = [json.loads(line) for line in (tmp_path / "rows").read_text().splitlines()]
        assert [line.get("work") for line in lines] == ["W5-model", "CSV", None]
        again = call("--report", str(tmp_path / "rows"))
        assert again.stdout == done.stdout

    def test_two_runs_in_one_place_follow_each_other(self, call, tmp_path: Path) -> None:
        with (tmp_path / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waiting = threading.Timer(0.5, lambda: fcntl.flock(lock, fcntl.LOCK_UN))
            waiting.start()
            done = call("--size", "tiny", "--tools", "cp", "--only", "CSV")
            waiting.join()
        assert done.returncode == 0
        assert "waits for another run" in done.stderr

    def test_a_run_that_is_ended_ends_what_it_runs(self, tmp_path: Path) -> None:
        script = (
            f"import os, signal, sys; sys.path.insert(0, {str(ROOT / 'scripts')!r})\n"
            "from pathlib import Path; from benchmark.measure import run\n"
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n"
            "run('sleep 0.2; echo $$ > pid; sleep 60', cwd=Path('.'), env=os.environ)\n"
        )
        process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path)
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.01)
        process.terminate()
        assert process.wait(20) == 9
        assert soon(lambda: has_ended(int((tmp_path / "pid").read_text())))

    def test_strict_turns_a_missed_limit_into_a_failure(self, call, tmp_path: Path) -> None:
        end = {"header": {}, "absent": {}, "size": "full", "raw": RAW}
        rows = [row("W2", "art", wall=9.0), row("W2", "borg", wall=10.0), end]
        (tmp_path / "rows").write_text("".join(json.dumps(line) + "\n" for line in rows))
        assert call("--report", str(tmp_path / "rows")).returncode == 0
        assert call("--report", str(tmp_path / "rows"), "--strict").returncode == 1
        rows[0]["failed"] = "status 1"
        (tmp_path / "rows").write_text("".join(json.dumps(line) + "\n" for line in rows))
        assert call("--report", str(tmp_path / "rows")).returncode == 1

    @pytest.mark.parametrize("arguments", [("--only", "W99"), ("--tools", "tar"), ("--report", "/dev/null")])
    def test_what_does_not_exist_is_refused_in_a_line(self, call, arguments: tuple[str, ...]) -> None:
        done = call("--size", "tiny", *arguments)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1

    def test_a_profile_covers_the_threads(self, tmp_path: Path) -> None:
        (tmp_path / "program").write_text(
            "import threading, sys\ndef deep(): return sum(range(1000))\n"
            "thread = threading.Thread(target=deep); thread.start(); thread.join(); sys.exit(3)\n"
        )
        driver = ROOT / "scripts/benchmark/profile_driver.py"
        done = subprocess.run(
            [sys.executable, str(driver), str(tmp_path / "program")], capture_output=True, text=True, check=False
        )
        assert done.returncode == 3
        assert "1 other threads" in done.stdout
        # from Python 3.12 on cProfile has one profile at a time, and the threads go unseen
        assert ("(deep)" if sys.version_info < (3, 12) else "nothing recorded") in done.stdout


def test_a_tree_of_many_files_is_removed_behind_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trash, "MANY", 3)
    trash = Trash(tmp_path / "trash")
    for name, count in (("few", 3), ("many", 4)):
        (tmp_path / name).mkdir()
        for number in range(count):
            (tmp_path / name / str(number)).touch()
        trash.throw(tmp_path / name)
        assert not (tmp_path / name).exists()
    trash.throw(tmp_path / "nothing")
    assert [len(list(tree.iterdir())) for tree in trash.folder.iterdir()] == [4]
    trash.empty_behind()
    monkeypatch.setattr(Trash, "SETTLED", 0)
    trash.let_settle(print)
    assert not trash.folder.exists()


def test_a_read_only_tree_is_wiped(tmp_path: Path) -> None:
    (tmp_path / "tree/inner").mkdir(parents=True)
    (tmp_path / "tree/inner/file").write_bytes(b"x")
    (tmp_path / "tree/inner").chmod(0o500)
    wipe(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
