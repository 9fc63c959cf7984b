"""Artifacts: from a draft through the log to a directory, and who made and used them."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import numpy
import pytest

import artcli as wandb
from artcli import lock
from artcli.catalog.repository import Repository
from artcli.errors import CommError, ConflictError, LockedError, UsageError
from artcli.flows import alias


def logged(name: str = "digits", **files: str) -> wandb.Artifact:
    draft = wandb.Artifact(name, type="dataset")
    for path, text in files.items():
        with draft.new_file(f"{path}.txt") as file:
            file.write(text)
    return draft


def test_an_artifact_goes_in_and_comes_out(place: Path) -> None:
    (place / "images" / "deep").mkdir(parents=True)
    (place / "images" / "deep" / "0.bin").write_bytes(b"\0" * 300_000)
    (place / "labels.csv").write_text("a,b\n")
    with wandb.init(project="p", config={"architecture": "resnet18"}) as run:
        draft = wandb.Artifact("digits", type="dataset", description="some digits", metadata={"sizes": [1, 2]})
        draft.add_dir("images")
        draft.add_file("labels.csv", name="meta/labels.csv")
        with draft.new_file("note.txt") as file:
            file.write("grün")
        assert draft.state == "PENDING"
        assert draft.is_draft()
        made = run.log_artifact(draft, aliases=["best", "latest"], tags=["small"])
    assert (made.name, made.version, made.type, made.aliases, made.tags) == (
        "digits:v0", "v0", "dataset", ["latest", "best"], ["small"],
    )  # fmt: skip
    assert (made.description, made.metadata, made.file_count) == ("some digits", {"sizes": [1, 2]}, 3)
    assert draft.wait() == made
    assert draft.name == "digits:v0"
    with wandb.init(project="p") as other:
        used = other.use_artifact("somebody/p/digits:best", type="dataset")
        folder = used.download()
    assert folder == str(place / "artifacts" / "digits:v0")
    assert Path(folder, "note.txt").read_text() == "grün"
    assert Path(folder, "deep", "0.bin").stat().st_size == 300_000
    assert used.logged_by().config["architecture"] == "resnet18"
    assert [user.id for user in used.used_by()] == [other.id]
    assert [one.name for one in wandb.Api().run(f"p/{run.id}").logged_artifacts()] == ["digits:v0"]


def test_what_is_not_there_raises_comm_error() -> None:
    with wandb.init(project="p") as run:
        with pytest.raises(wandb.errors.CommError):
            run.use_artifact("nothing:latest")
        with pytest.raises(CommError):
            wandb.use_artifact("nothing")
        run.log_artifact(logged(a="1"))
        with pytest.raises(ValueError, match="is of type"):
            run.use_artifact("digits:latest", type="model")
        with pytest.raises(ConflictError):
            run.log_artifact(wandb.Artifact("digits", type="model"))


def test_content_is_that_of_the_moment_of_adding(place: Path) -> None:
    (place / "a.txt").write_text("before")
    (place / "large.bin").write_bytes(b"before" * 100_000)
    draft = wandb.Artifact("a", type="dataset")
    draft.add_file("a.txt")
    draft.add_file("large.bin")
    (place / "a.txt").write_text("after")
    (place / "large.bin").unlink()
    with wandb.init() as run:
        made = run.log_artifact(draft)
    with made.open("a.txt", "r") as file:
        assert file.read() == "before"
    assert made.get_entry("large.bin").size == 600_000


def test_a_failure_inside_new_file_adds_nothing() -> None:
    draft = wandb.Artifact("a", type="dataset")
    with pytest.raises(ZeroDivisionError), draft.new_file("a.txt") as file:
        file.write("half" * (1 // 0))
    assert draft.files() == []
    with draft.new_file("a.txt") as file:
        file.write("whole")
    with pytest.raises(ValueError, match="already"), draft.new_file("a.txt") as file:
        pass
    with draft.new_file("a.txt", mode="w") as file:
        file.write("another")
    assert [entry.size for entry in draft.files()] == [7]


def test_a_new_file_may_be_written_by_its_name(place: Path) -> None:
    draft = wandb.Artifact("a", type="dataset")
    with draft.new_file("deep/a.npy", mode="wb") as file:
        assert file.name.endswith(".npy")
        numpy.save(file.name, numpy.arange(3))
    with draft.new_file("closed.txt") as file:
        file.write("whole")
        file.close()
    (place / "other").write_text("replaced")
    with draft.new_file("moved.txt") as file:
        (place / "other").replace(file.name)
    assert {entry.path: entry.size for entry in draft.files()} == {"closed.txt": 5, "deep/a.npy": 152, "moved.txt": 8}
    assert not list((place / ".art" / "tmp").iterdir())


def test_what_is_logged_and_used_is_an_artifact_for_programs_that_ask() -> None:
    with wandb.init() as run:
        made = run.log_artifact(logged(a="1"), aliases=["best model"])
        assert made.aliases == ["latest", "best-model"]
        used = run.use_artifact("digits:best model")
        assert isinstance(made, wandb.Artifact)
        assert isinstance(used, wandb.Artifact)
        assert used.get_entry("a.txt").parent_artifact() == made
        assert run.use_artifact(used) is used
        assert run.log_artifact(used, aliases="again").aliases == ["latest", "again", "best-model"]
        for wrong in (5, None):
            with pytest.raises(TypeError):
                run.use_artifact(wrong)
        with pytest.raises(UsageError):
            run.log_artifact(logged(b="1"), aliases=["a/b"])


def test_a_path_takes_another_content_only_when_told(place: Path) -> None:
    (place / "d").mkdir()
    (place / "d" / "a.txt").write_text("1")
    draft = logged(a="1", b="2")
    draft.add_dir("d")
    (place / "d" / "a.txt").write_text("22")
    with pytest.raises(ValueError, match="another content"):
        draft.add_dir("d")
    with pytest.raises(ValueError, match="another content"):
        draft.add_file("d/a.txt")
    assert draft.get_entry("a.txt").size == 1
    draft.add_dir("d", merge=True)
    draft.add_file("d/a.txt", overwrite=True)
    draft.add_dir("d", name="below")
    assert [entry.path for entry in draft.files()] == ["a.txt", "b.txt", "below/a.txt"]
    draft.remove("below")
    draft.remove(draft.get_entry("b.txt"))
    assert {entry.path: entry.size for entry in draft.files()} == {"a.txt": 2}
    with pytest.raises(FileNotFoundError):
        draft.remove("below")
    with pytest.raises(KeyError):
        draft.get_entry("below")


def test_what_no_artifact_can_be() -> None:
    for name in ("a/b", "a:b", "ä", ""):
        with pytest.raises(ValueError):
            wandb.Artifact(name, type="dataset")
    with pytest.raises(TypeError):
        wandb.Artifact("a", type="dataset", metadata=3)  # type: ignore[arg-type]
    assert wandb.Artifact("a", type="t", metadata={"x": [float("nan")]}).metadata == {"x": [None]}
    draft = wandb.Artifact("a", type="dataset")
    with pytest.raises(ValueError):
        draft.add_file("nowhere")
    with pytest.raises(ValueError):
        draft.add_dir("nowhere")
    with pytest.raises(UsageError), draft.new_file("../a"):
        pass
    for wrong in ("no-scheme", "file:///no/such/file"):
        with pytest.raises(ValueError):
            draft.add_reference(wrong)


def test_a_logged_draft_takes_nothing_more() -> None:
    draft = logged(a="1")
    with wandb.init() as run:
        made = run.log_artifact(draft)
        assert run.log_artifact(logged(a="1")) == made
        again = made.new_draft()
        with again.new_file("b.txt") as file:
            file.write("2")
        again.remove("a.txt")
        assert run.log_artifact(again, aliases="new").aliases == ["latest", "new"]
        assert again.name == "digits:v1"
        assert made.logged_by() == wandb.Api().run(run.id)
    with pytest.raises(UsageError) as raised, draft.new_file("c"):
        pass
    assert raised.value.slug == "artifact-finalized"


def test_save_puts_what_was_set_into_the_log() -> None:
    with wandb.init(project="p") as run:
        made = run.log_artifact(logged(a="1"), aliases=["old"], tags=["x"])
    made.description, made.metadata["stage"], made.aliases, made.tags = "new", "production", ["new"], ["y"]
    made.save()
    found = wandb.Api().artifact("p/digits:new")
    assert (found.description, found.metadata, found.aliases, found.tags) == (
        "new", {"stage": "production"}, ["latest", "new"], ["y"],
    )  # fmt: skip
    with pytest.raises(ValueError, match="aliases"):
        found.delete()
    found.delete(delete_aliases=True)
    assert not wandb.Api().artifact_exists("p/digits")


def test_files_are_read_anywhere_without_being_written(place: Path) -> None:
    content = os.urandom(1_000_000)
    draft = wandb.Artifact("a", type="model")
    with draft.new_file("m.bin", mode="wb") as file:
        file.write(content)
    with wandb.init() as run:
        made = run.log_artifact(draft)
    with made.open("m.bin") as file:
        assert file.seek(-10, os.SEEK_END) == 999_990
        assert file.read() == content[-10:]
        file.seek(500_000)
        assert file.read(7) == content[500_000:500_007]
        file.seek(0)
        assert file.read() == content
    assert not (place / "artifacts").exists()
    assert made.file() == str(place / "artifacts" / "a:v0" / "m.bin")
    made.verify()
    Path(made.file()).write_bytes(b"other")
    with pytest.raises(ValueError, match=r"m\.bin"):
        made.verify()
    (place / "artifacts" / "a:v0" / "m.bin").unlink()
    assert Path(made.download(path_prefix="m")).joinpath("m.bin").read_bytes() == content


def test_verify_says_what_is_not_as_the_version_has_it() -> None:
    with wandb.init() as run:
        made = run.log_artifact(logged(**{"a": "1", "deep/b": "2"}))
    folder = Path(made.download())
    (folder / "empty").mkdir()
    made.verify()  # W&B sees files alone
    (folder / "0").write_text("")
    with pytest.raises(ValueError, match="'0' is not as digits:v0 has it, but extra"):
        made.verify()
    (folder / "deep" / "b.txt").unlink()
    with pytest.raises(ValueError, match=r"'deep/b\.txt' is not as digits:v0 has it, but missing"):
        made.verify()
    made.download()
    (folder / "0").unlink()
    made.verify()


def test_checkout_leaves_what_belongs(place: Path) -> None:
    with wandb.init() as run:
        made = run.log_artifact(logged(a="1"))
    (place / "out").mkdir()
    (place / "out" / "extra").write_text("mine")
    assert made.download(root="out") == "out"
    assert sorted(os.listdir("out")) == ["a.txt", "extra"]
    made.checkout(root="out")
    assert os.listdir("out") == ["a.txt"]
    assert list((place / ".art" / "local" / "rescued").rglob("extra"))


def test_paths_are_logged_as_they_are(place: Path) -> None:
    (place / "model.pth").write_text("m")
    with wandb.init(id="r1") as run:
        assert run.log_artifact("model.pth").name == "run-r1-model.pth:v0"
        assert run.log_artifact("model.pth", name="model", type="model", aliases="best").aliases == ["latest", "best"]
        with pytest.raises(ValueError):
            run.log_artifact("nowhere")


def test_a_draft_goes_to_the_repository_of_the_run(place: Path) -> None:
    draft = logged(a="1")
    big = os.urandom(400_000)
    with draft.new_file("b.bin", mode="wb") as file:
        file.write(big)
    (place / "else").mkdir()
    Repository.init(place / "else")[0].close()
    with wandb.init(dir=str(place / "else")) as run:
        made = run.log_artifact(draft)
    with made.open("b.bin") as file:
        assert file.read() == big
    assert not wandb.Api().artifact_exists("digits")


def test_a_disabled_run_leaves_nothing(place: Path) -> None:
    with wandb.init(mode="disabled") as run:
        draft = logged(a="1")
        assert run.log_artifact(draft) is draft
        assert draft.wait() is draft
    assert os.listdir(place) == []


def test_references_keep_the_address(place: Path) -> None:
    draft = logged(a="1")
    draft.add_reference("tape://bucket/data.bin", name="x/data.bin")
    with wandb.init() as run:
        run.use_reference("s3://bucket/other")
        made = run.log_artifact(draft)
        assert made.get_entry("x/data.bin").ref == "tape://bucket/data.bin"
        made.download()
    assert sorted(os.listdir(place / "artifacts" / "digits:v0")) == ["a.txt"]


def test_what_could_not_be_committed_is_logged_the_next_time(place: Path) -> None:
    with wandb.init(project="p") as run:
        first = run.log_artifact(logged(a="1"), aliases=["prod"])
        repository = Repository.open(place)
        alias.protect(repository, ["digits:prod"], "p", True)
        draft = wandb.Artifact("digits", type="dataset")
        content = os.urandom(500_000)
        with draft.new_file("b.bin", mode="wb") as file:
            file.write(content)
        with pytest.raises(ConflictError):
            run.log_artifact(draft, aliases=["prod"])
        assert draft.is_draft()
        with draft.new_file("c.bin", mode="wb") as file:
            file.write(content[::-1])
        made = run.log_artifact(draft)
    repository.close()
    assert (first.version, made.version) == ("v0", "v1")
    fresh = wandb.Api().artifact("p/digits:v1")
    for name, expected in (("b.bin", content), ("c.bin", content[::-1])):
        with fresh.open(name) as file:
            assert file.read() == expected


def test_links_that_lead_out_are_told_of(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "d").mkdir()
    (place / "d" / "in").symlink_to("a")
    (place / "d" / "out").symlink_to("../elsewhere")
    os.mkfifo(place / "d" / "pipe")
    draft = wandb.Artifact("a", type="dataset")
    draft.add_dir("d", name="x")
    err = capsys.readouterr().err
    assert "1 symbolic links lead out" in err
    assert "x/out" in err
    assert "1 special files" in err


def test_an_unchanged_directory_is_not_read_again(place: Path) -> None:
    (place / "d").mkdir()
    for number in range(300):
        (place / "d" / f"{number}.bin").write_bytes(bytes([number % 256]) * 1000)
    os.utime(place / "d", (1, 1))
    time.sleep(2.2)  # what was written within two seconds is looked at again
    for expected in ("v0", "v0"):
        draft = wandb.Artifact("a", type="dataset")
        draft.add_dir("d")
        with wandb.init() as run:
            assert run.log_artifact(draft).version == expected
    draft = wandb.Artifact("a", type="dataset")
    (place / "d" / "0.bin").write_bytes(b"other")
    reads: list[str] = []
    sys.addaudithook(lambda event, words: reads.append(str(words[0])) if event == "open" else None)
    draft.add_dir("d")
    assert len([path for path in reads if ".bin" in path]) == 1
    assert draft.get_entry("0.bin").size == 5
    assert draft.file_count == 300


def test_a_draft_that_is_dropped_lets_gc_work(place: Path) -> None:
    draft = logged(a="1")
    repository = Repository.open(place)
    with pytest.raises(LockedError), lock.held(place / ".art/local/gc.lock", alone=True, wait=0.0):
        pass
    del draft
    with lock.held(place / ".art/local/gc.lock", alone=True, wait=0.0):
        pass
    repository.close()


def test_threads_and_children(place: Path) -> None:
    draft = wandb.Artifact("a", type="dataset")

    def add(number: int) -> None:
        for item in range(20):
            with draft.new_file(f"{number}/{item}") as file:
                file.write(f"{number} {item}" * 100)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with wandb.init(project="p") as run:
        assert run.log_artifact(draft).file_count == 80
        child = os.fork()
        if not child:
            try:
                made = run.log_artifact(logged("child", a="1"))
                os._exit(0 if made.version == "v0" and run.use_artifact("a:latest").file_count == 80 else 1)
            finally:
                os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
    assert [one.name for one in wandb.Api().run(run.id).logged_artifacts()] == ["a:v0", "child:v0"]


def test_a_reference_stands_for_files_and_is_fetched(place: Path) -> None:
    pool = place.parent / "pool"
    (pool / "sub").mkdir(parents=True)
    (pool / "a.txt").write_bytes(b"alpha")
    (pool / "sub" / "b.txt").write_bytes(b"beta")
    draft = wandb.Artifact("far", type="dataset")
    added = draft.add_reference(f"file://{pool}", name="in")
    assert sorted(entry.path for entry in added) == ["in/a.txt", "in/sub/b.txt"]
    with pytest.raises(ValueError, match="more than 1 files"):
        draft.add_reference(f"file://{pool}", max_objects=1)
    with wandb.init() as run:
        made = run.log_artifact(draft)
        folder = Path(made.download())
        entry = made.get_entry("in/a.txt")
        assert entry.ref_target() == f"file://{pool}/a.txt"
        assert (folder / "in" / "sub" / "b.txt").read_bytes() == b"beta"
        with made.open("in/sub/b.txt") as file:
            file.seek(1)
            assert file.read() == b"eta"
        assert Path(entry.download(place / "one")).read_bytes() == b"alpha"
        (pool / "a.txt").write_bytes(b"ALPHA")
        assert entry.download(place / "one") == str(place / "one" / "in" / "a.txt")
        made.download()  # what is there is right, and nobody is asked
        with pytest.raises(wandb.Error, match="has changed"):
            made.download(place / "other")
        made.download(place / "other", allow_missing_references=True)
    assert sorted(path.name for path in (place / "other").rglob("*.txt")) == ["b.txt"]


def test_a_file_of_another_artifact_is_taken_over(place: Path) -> None:
    with wandb.init() as run:
        first = run.log_artifact(logged(a="alpha"))
        draft = wandb.Artifact("other", type="dataset")
        draft.add_reference(first.get_entry("a.txt"), name="x/y.txt")
        draft.add_reference(first.get_entry("a.txt").ref_url())
        made = run.log_artifact(draft)
    assert sorted(made.manifest) == ["a.txt", "x/y.txt"]
    assert made.get_entry("x/y.txt").ref is None
    assert made.get_entry("x/y.txt").digest == first.get_entry("a.txt").digest
    assert made._version.stored < 1000


def test_a_draft_is_saved_in_a_run_or_in_one_of_its_own(place: Path) -> None:
    for project in ("p", None):
        draft = wandb.Artifact("notes", type="dataset")
        with draft.new_file("a.txt") as file:
            file.write(str(project))
        if project:
            draft.save(project)  # no run is open
            assert draft.logged_by().job_type == "auto"
            draft.description = "said later"
            draft.save()
            assert wandb.Api().artifact("p/notes").description == "said later"
        else:
            with wandb.init(project="q", job_type="load") as run:
                draft.save()
            assert draft.logged_by().id == run.id
    assert wandb.run is None
