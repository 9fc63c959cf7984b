"""`art remote`, `push`, `pull`, `clone`: machines that share a directory."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.kit.command_line import Art


class Machines:
    """A car and a laptop, and a directory that both can reach."""

    def __init__(self, art: Art) -> None:
        self.nas = art.directory / "nas"
        self.car, self.laptop = self.machine(art, "car"), self.machine(art, "laptop")

    @staticmethod
    def machine(art: Art, name: str) -> Art:
        folder = art.directory / name
        folder.mkdir()
        found = Art(folder)
        assert found("init").code == 0
        return found

    def share(self) -> None:
        for machine in (self.car, self.laptop):
            assert machine("remote", "add", "nas", str(self.nas)).code == 0


@pytest.fixture
def machines(art: Art) -> Machines:
    return Machines(art)


def log(art: Art, **files: bytes) -> str:
    folder = art.directory / "data"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    done = art("log-artifact", "dataset", "data")
    assert done.code == 0
    return done.out.strip()


def versions(art: Art) -> dict[str, str]:
    """Digest to ref."""
    return {item["digest"]: item["ref"] for item in art("ls", "dataset", "--json").json["items"]}


def test_a_version_and_its_run_travel(machines: Machines) -> None:
    car, laptop = machines.car, machines.laptop
    machines.share()
    log(car, a=b"a" * 5000)
    assert (
        car(
            "run", "--name", "trip", "--use", "dataset:v0", "--log", "model=m.bin", "--", "sh", "-c", "echo net > m.bin"
        ).code
        == 0
    )
    pushed = car("push")
    assert (pushed.code, pushed.out) == (0, "nas\n")
    assert pushed.err.startswith("pushed to nas: ")
    assert laptop("pull").code == 0
    used = laptop("use", "model:latest")
    assert (Path(used.out.strip()) / "m.bin").read_text() == "net\n"
    assert "trip" in laptop("why", "model:latest").out
    assert laptop("run", "logs", "trip").code == 0
    assert laptop("fsck").code == laptop("gc", "--grace", "0d").code == laptop("verify", "dataset:v0").code == 0
    assert "2 versions" in laptop("fsck").err + laptop("fsck").out


def test_only_what_is_lacking_travels(machines: Machines) -> None:
    car = machines.car
    machines.share()
    log(car, a=os.urandom(300_000))
    assert car("push", "--json").json_lines[-1]["stored"] > 300_000
    assert car("push").err == "pushed to nas: nothing new\n"
    assert car("push", "-n").err == "would have pushed to nas: nothing new\n"
    assert car("pull", "-n").err == "would have pulled from nas: nothing new\n"
    log(car, b=b"b" * 3000)
    last = car("push", "--json").json_lines[-1]
    assert last["stored"] < 3000
    assert (last["remote"], last["facts"], last["renumbered"]) == ("nas", 1, [])


def test_numbers_are_those_of_the_place(machines: Machines) -> None:
    car, laptop = machines.car, machines.laptop
    log(car, a=b"of the car" * 100)
    log(laptop, a=b"of the laptop" * 100)
    machines.share()
    assert car("push").code == 0
    pushed = laptop("push")
    assert (pushed.code, pushed.out) == (0, "nas\n")
    assert pushed.err.splitlines()[0] == "dataset:v0 is dataset:v1 now: somebody else's version came first"
    assert car("pull").code == 0
    shared = versions(car)
    assert sorted(shared.values()) == ["dataset:v0", "dataset:v1"]
    assert versions(laptop) == shared
    assert laptop("remote", "rm", "nas", "--yes").code == 0
    assert versions(laptop) == shared
    assert log(laptop, b=b"alone" * 100) == "dataset:v2"


def test_a_clone_knows_all_and_brings_what_is_used(machines: Machines, art: Art) -> None:
    machines.share()
    log(machines.car, a=b"a" * 5000, b=b"b" * 200_000)
    log(machines.car, a=b"a" * 5000, b=b"c" * 200_000)
    machines.car("push")
    cloned = art("clone", "nas", "copy", "--json")
    assert cloned.json["stored"] < 5000
    copy = Art(art.directory / "copy")
    assert copy("ls", "dataset:v1").out.split() == copy("ls", "dataset:latest").out.split()
    used = copy("use", "dataset:v0", "--only", "a")
    assert used.code == 0
    assert (Path(used.out.strip()) / "a").read_bytes() == b"a" * 5000
    assert copy("cat", "dataset:v1/b").raw_out == b"c" * 200_000
    assert list((copy.directory / ".art" / "packs").glob("*/*")) == []
    shutil.move(machines.nas, machines.nas.with_name("away"))
    assert copy("ls", "dataset:v1").code == 0
    refused = copy("use", "dataset:v0", "--json")
    assert (refused.code, refused.error["code"]) == (8, "bytes-elsewhere")
    assert copy("use", "dataset:v0", "--only", "a").code == 0
    shutil.move(machines.nas.with_name("away"), machines.nas)
    assert copy("use", "dataset:v0").code == 0
    assert copy("fsck").code == copy("gc").code == 0


def test_a_clone_with_the_bytes_of_some_artifacts(machines: Machines, art: Art) -> None:
    machines.share()
    log(machines.car, a=b"a" * 5000)
    (machines.car.directory / "m.bin").write_bytes(b"m" * 5000)
    machines.car("log-artifact", "model", "m.bin")
    machines.car("push")
    cloned = art("clone", "nas", "copy", "--only", "mod*", "--only", "model:v0")
    assert cloned.code == 0
    assert "no artifact has a name like 'model:v0'" in cloned.err
    assert "mod*" not in cloned.err
    shutil.rmtree(machines.nas)
    copy = Art(art.directory / "copy")
    assert copy("use", "model:v0").code == 0
    assert copy("use", "dataset:v0").code == 8


def test_some_versions_travel_with_the_runs_that_made_them(machines: Machines) -> None:
    car, laptop = machines.car, machines.laptop
    machines.share()
    log(car, a=b"a" * 5000)
    log(car, a=b"b" * 5000)
    made = car(
        "run",
        "--name",
        "trainer",
        "-c",
        "lr=0.1",
        "--use",
        "dataset:v1",
        "--log",
        "model=w",
        "--",
        "sh",
        "-c",
        "echo weights > w",
    )
    assert made.code == 0, made.err
    would = car("push", "nas", "model:latest", "-n", "--json")
    assert would.json["dry_run"] is True
    assert would.json["facts"] > 1
    assert car("push", "--max-bytes", "10", "--json").error["code"] == "over-max-bytes"
    assert car("push", "--max-bytes", "ten", "--json").error["code"] == "bad-size"
    assert laptop("fetch").err == "fetched from nas: nothing new\n"
    assert car("push", "model:latest").code == 0
    assert laptop("fetch").code == 0
    assert laptop("ls", "-q").out == "model\n"
    assert laptop("show", "model:latest", "--field", "producer.config.lr").out == "0.1\n"
    assert laptop("pull", "model:latest").code == 0
    assert car("push").code == 0
    assert laptop("pull", "nas", "dataset:v0").code == 0
    assert laptop("pull", "dataset:v7", "--json").error["code"] == "no-such-version"
    machines.nas.rename(machines.nas.with_name("away"))
    assert laptop("use", "dataset:v0").code == laptop("use", "model:v0").code == 0
    assert laptop("use", "dataset:v1").code == 8
    assert laptop("fsck").code == laptop("gc").code == 0


def test_a_version_upon_one_whose_bytes_are_elsewhere(machines: Machines, art: Art) -> None:
    """A car adds to the newest version while it holds nothing but its manifest, and is not even in reach of it."""
    machines.share()
    log(machines.car, **{f"f{number}": bytes([number]) * 3000 for number in range(50)})
    machines.car("push")
    assert art("clone", "nas", "copy").code == 0
    copy = Art(art.directory / "copy")
    away = machines.nas.with_name("away")
    machines.nas.rename(away)
    (copy.directory / "new.jpg").write_bytes(b"new" * 1000)
    made = copy("log-artifact", "dataset", "--base", "dataset:latest", "--add", "new.jpg")
    assert (made.code, made.out) == (0, "dataset:v1\n")
    assert copy("fsck").code == copy("gc").code == 0
    away.rename(machines.nas)
    pushed = copy("push", "--json").json
    assert pushed["facts"] == 1
    assert pushed["stored"] < 3000
    assert machines.laptop("pull").code == 0
    assert machines.laptop("verify", "dataset:v1").code == 0
    assert copy("gc").code == 0
    assert copy("pull").code == 0
    shutil.rmtree(machines.nas)
    used = copy("use", "dataset:v1")
    assert used.code == 0
    assert len(list(Path(used.out.strip()).iterdir())) == 51
    assert copy("fsck").code == copy("gc").code == 0


def test_a_full_clone_is_a_repository_of_its_own(machines: Machines, art: Art) -> None:
    machines.share()
    log(machines.car, a=b"a" * 5000)
    machines.car("push")
    cloned = art("clone", "nas", "copy", "--full")
    assert (cloned.code, cloned.out) == (0, "origin\n")
    copy = Art(art.directory / "copy")
    assert copy("verify", "dataset:v0").code == 0
    assert copy("remote", "ls", "--json").json["items"][0]["authority"] is True
    shutil.rmtree(machines.nas)
    assert copy("use", "dataset:v0").code == 0
    assert art("clone", "nowhere", "other", "--json").error["code"] == "remote-unreachable"
    assert not (art.directory / "other").exists()
    assert art("clone", str(copy.directory), "copy", "--json").error["code"] == "destination-not-empty"


def test_a_fetch_tells_of_what_others_have_done(machines: Machines) -> None:
    car, laptop = machines.car, machines.laptop
    machines.share()
    for number in (1, 2):
        log(car, a=bytes([number]) * 5000)
        assert car("push").code == 0
        assert car("fetch").err == "fetched from nas: nothing new\n"
    assert laptop("fetch", "--json").json_lines[-1]["facts"] > 0
    log(laptop, b=b"b" * 5000)
    log(car, c=b"c" * 5000)
    assert laptop("push").code == 0
    assert (told := car("sync", "--json").json)["pushed"] == told["fetched"] == 1
    assert laptop("sync", "--json").json["fetched"] == 1
    pulled = car("pull").err
    assert pulled.startswith("pulled from nas: ")
    assert "change" not in pulled
    assert laptop("sync", "--json").json["fetched"] == 0


def test_remotes_are_named_listed_moved_and_forgotten(machines: Machines) -> None:
    car = machines.car
    none = car("push", "--json").error
    assert (none["code"], none["hint"]) == ("no-remote", "art remote add NAME URL")
    machines.share()
    other = machines.nas.with_name("other")
    assert car("remote", "add", "usb", f"file://{other}").code == 0
    listed = car("remote", "ls", "--json").json["items"]
    assert [(item["name"], item["url"], item["authority"]) for item in listed] == [
        ("nas", str(machines.nas), True),
        ("usb", str(other), False),
    ]
    log(car, a=b"a" * 5000)
    assert car("push", "usb").code == car("push").code == 0
    assert car("remote", "promote", "usb", "--field", "authority").out == "true\n"
    assert car("push").out == "usb\n"
    moved = machines.nas.with_name("moved")
    machines.nas.rename(moved)
    assert car("push", "nas", "--json").error["code"] == "remote-unreachable"
    assert car("remote", "set-url", "nas", str(other), "--json").error["code"] == "another-place"
    assert car("remote", "set-url", "nas", str(moved)).code == 0
    assert car("push", "nas").err == "pushed to nas: nothing new\n"
    assert car("remote", "rm", "usb", "--yes").code == 0
    none = car("push", "--json").error
    assert (none["code"], none["facts"], none["hint"]) == ("no-remote", ["remotes: nas"], "art remote promote NAME")
    assert car("remote", "rm", "nas").code == 2
    assert car("remote", "rm", "nas", "--yes").code == 0
    assert car("push", "nas", "--json").error["code"] == "no-such-remote"


def test_what_is_no_place(machines: Machines) -> None:
    car = machines.car

    def refused(name: str, url: object) -> str:
        return str(car("remote", "add", name, str(url), "--json").error["code"])

    full = machines.nas.with_name("full")
    full.mkdir()
    (full / "letter").write_text("dear")
    assert refused("x", full) == "not-a-place"
    assert refused("x", car.directory) == "not-a-place"
    assert refused("x", "gopher://bucket") == "unknown-scheme"
    assert refused("x", full / "no" / "such") == "remote-unreachable"
    assert refused("-", machines.nas) == "bad-remote-name"
    assert not machines.nas.exists()
    (machines.nas / "packs" / "00").mkdir(parents=True)  # the power went when the place was being made
    (machines.nas / "tmp").mkdir()
    (machines.nas / "tmp" / "1a2b").write_text("the beginning of a config")
    machines.share()
    assert refused("nas", machines.nas) == "remote-exists"


def test_what_is_there_cannot_be_learned(machines: Machines) -> None:
    """The remote is known all the same, as one that git cannot fetch from is, and that is said."""
    log(machines.laptop, a=b"a" * 5000)
    first = machines.laptop.directory / ".art/log/0000000/0000000000"
    sound = first.read_bytes()
    first.chmod(0o644)
    first.write_bytes(sound[:-9])
    refused = machines.car("remote", "add", "laptop", str(machines.laptop.directory), "--json")
    assert (refused.code, refused.error["code"]) == (7, "damaged-log")
    assert refused.error["facts"][-2:] == [
        "'laptop' is a remote now, but what it holds could not be learned",
        "to try again: art fetch laptop; to forget it: art remote rm laptop",
    ]
    assert machines.car("remote", "ls", "-q").lines == ["laptop"]
    assert machines.car("fetch", "laptop").code == 7
    first.write_bytes(sound)
    assert machines.car("fetch", "laptop").code == 0
    assert machines.car("ls", "-q").lines == ["dataset"]


def test_a_remote_of_which_nothing_came_gives_no_numbers_when_it_is_forgotten(machines: Machines) -> None:
    car, other = machines.car, machines.nas.with_name("other")
    for name in ("nas", "other"):
        assert car("remote", "add", name, f"../{name}").code == 0
    assert car("remote", "rm", "nas", "--yes").code == 0
    asked = car("push", "--json")
    assert (asked.code, asked.error["hint"]) == (5, "art remote promote NAME")
    assert car("remote", "rm", "other", "--yes").code == 0
    assert car("push", "--json").error["hint"] == "art remote add NAME URL"
    assert car("remote", "add", "other", str(other), "--field", "authority").out == "true\n"
    log(car, a=b"a" * 5000)
    assert car("push").code == car("fsck").code == 0
    assert car("remote", "rm", "other", "--yes").code == 0
    assert car("remote", "add", "nas", str(machines.nas), "--field", "authority").out == "false\n"
    assert car("fsck").code == 0


def test_a_working_repository_is_a_place_too(machines: Machines) -> None:
    log(machines.laptop, a=b"a" * 5000)
    assert machines.car("remote", "add", "laptop", str(machines.laptop.directory)).code == 0
    assert machines.car("pull").code == 0
    assert versions(machines.car) == versions(machines.laptop)


def test_fsck_knows_a_cache_that_grew_with_two_logs(machines: Machines) -> None:
    """The facts about its own packs came to it when they were made; read afresh they come after all of the place's."""
    car = machines.car
    machines.share()
    for number in range(3):
        log(car, a=b"a%d" % number * 5000)
        assert car("push").code == 0
        assert car("fsck").code == 0
    (cache,) = (car.directory / ".art/cache").glob("catalog-*.db")
    with contextlib.closing(sqlite3.connect(cache, isolation_level=None)) as database:
        database.execute("UPDATE facts SET applied = 0 WHERE kind = 'version'")
        assert car("fsck").code == 7
        database.execute("UPDATE facts SET applied = 1")
        assert car("fsck").code == 0
        database.execute("UPDATE facts SET n = n + 1 WHERE kind = 'index' AND own")
        assert car("fsck").code == 7


def test_a_clone_that_was_cut_off_is_ended_by_the_same_command(machines: Machines, art: Art) -> None:
    machines.share()
    log(machines.car, a=b"a" * 5000)
    machines.car("push")
    assert art("clone", "nas", "copy").code == 0
    copy = art.directory / "copy" / ".art"
    (copy / "local/clone-of").write_text("nas")
    (copy / "local/remotes.json").unlink()
    assert art("clone", "elsewhere", "copy", "--json").error["code"] == "destination-not-empty"
    assert art("clone", "nas", "copy").code == 0
    assert art("clone", "nas", "copy", "--json").error["code"] == "destination-not-empty"
    assert Art(copy.parent)("verify", "dataset:v0").code == 0


def test_a_remote_that_lost_something_is_healed_or_taken_as_it_is(machines: Machines) -> None:
    car = machines.car
    machines.share()
    log(car, a=b"a" * 5000)
    car("push")
    machines.laptop("pull")
    older = machines.nas.with_name("older")
    shutil.copytree(machines.nas, older)
    log(car, a=b"b" * 5000)
    car("push")
    machines.laptop("pull")
    shutil.rmtree(machines.nas)
    older.rename(machines.nas)
    assert car("push", "--json").error["code"] == car("pull", "--json").error["code"] == "remote-rolled-back"
    taken = machines.laptop("pull", "--accept-rollback")
    assert (taken.code, "the remote has lost 1 change\n" in taken.err) == (0, True)
    assert machines.laptop("ls", "dataset", "-q").out == "dataset:v0\n"
    assert car("push", "--accept-rollback").code == 0
    assert machines.laptop("pull").code == machines.laptop("verify", "dataset:v1").code == 0


def test_a_number_is_provisional_until_the_place_has_it(machines: Machines) -> None:
    car = machines.car
    log(car, a=b"a" * 5000)
    assert car("ls", "dataset", "--json").json["items"][0]["provisional"] is False
    machines.share()
    assert car("ls", "dataset", "--json").json["items"][0]["provisional"] is True
    assert car("show", "dataset:v0", "--field", "provisional").out == "true\n"
    assert car("ls", "dataset", "-q").out == "dataset:v0\n"
    assert "dataset:v0*  " in car.on_terminal("ls", "dataset").out
    car("push")
    assert car("show", "dataset:v0", "--field", "provisional").out == "false\n"
    assert "*" not in car.on_terminal("ls", "dataset").out


def test_what_a_renumbered_name_meant_here_is_told_once(machines: Machines) -> None:
    car, laptop = machines.car, machines.laptop
    machines.share()
    log(car, a=b"of the car" * 100)
    log(laptop, b=b"of the laptop" * 100)
    car("push")
    laptop("push")
    first = laptop("use", "dataset:v0")
    assert "dataset:v0 was another version here, before others' came first: that is dataset:v1 now" in first.err
    assert "was another version" not in laptop("use", "dataset:v0").err


def test_an_alias_that_somebody_else_has_moved_stays_there(machines: Machines) -> None:
    car, laptop = machines.car, machines.laptop
    machines.share()
    log(car, a=b"a" * 1000)
    log(car, a=b"b" * 1000)
    car("alias", "dataset:v0", "best")
    car("push")
    laptop("fetch")
    car("alias", "dataset:v1", "best")
    car("push")
    laptop("alias", "dataset:v0", "deployed")
    log(laptop, c=b"c" * 1000)
    laptop("alias", "dataset:v2", "best")
    pushed = laptop("push", "--json")
    assert pushed.json["unmoved"] == [{"alias": "dataset:best", "to": "dataset:v2", "at": "dataset:v1"}]
    assert laptop("show", "dataset:best", "--field", "version").out == "v1\n"
    assert car("fetch").code == 0
    assert car("show", "dataset:deployed", "--field", "version").out == "v0\n"
    laptop("alias", "dataset:v2", "best")
    assert laptop("push", "--json").json["unmoved"] == []
    assert car("fetch").code == 0
    assert car("show", "dataset:best", "--field", "version").out == "v2\n"


def test_a_version_is_logged_whatever_cannot_be_reached(machines: Machines) -> None:
    """What the newest version holds is in the place alone; a push has told this machine that there is one."""
    car, laptop = machines.car, machines.laptop
    machines.share()
    log(laptop, a=b"a" * 5000, b=b"b")
    assert laptop("push").code == 0
    (car.directory / "other").mkdir()
    (car.directory / "other/x").write_bytes(b"x" * 3000)
    assert car("log-artifact", "other", "other").code == car("push").code == 0
    assert list(versions(car).values()) == ["dataset:v0"]
    away = machines.nas.with_name("away")
    machines.nas.rename(away)
    assert log(car, a=b"a" * 5000, c=b"c") == "dataset:v1"
    away.rename(machines.nas)
    assert car("push").code == laptop("pull").code == 0
    assert laptop("verify", "dataset:v1").code == 0


def test_names_that_are_no_utf_8(machines: Machines, art: Art) -> None:
    """Of the directory above all, of a bundle, of a clone: what a name's bytes mean is nobody's business."""
    machines.share()
    log(machines.car, a=b"a" * 5000)
    machines.car("push")
    above = art.directory / os.fsdecode(b"caf\xe9")
    above.mkdir()
    machines.nas.rename(above / "nas")
    assert art("-C", above / "nas", "ls", "-q").lines == ["dataset"]
    assert art("-C", (above / "nas").as_uri(), "ls", "-q").lines == ["dataset"]
    assert art("clone", above / "nas", above / "copy").code == 0
    copy = Art(above / "copy")
    assert copy("verify", "dataset:v0").code == 0
    assert copy("bundle", "create", above / "x.artb", "dataset:v0").code == 0
    assert art("clone", above / "x.artb", above / "third").code == 0
    assert Art(above / "third")("verify", "dataset:v0").code == 0
