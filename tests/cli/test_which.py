"""`art which`: what it prints."""

from __future__ import annotations

from tests.flows.lineage.lab import Lab, car
from tests.kit.command_line import Art


def test_which(art: Art) -> None:
    car(Lab(art.directory)).repository.close()
    folder = art.directory / "car"
    folder.mkdir()
    (folder / "engine").write_bytes(b"e" * 3000)
    result = art("which", "car", "car/engine")
    assert (result.code, result.err) == (0, "")
    assert result.out == "car\tmodel-trt:v0\tunmodified\ncar/engine\tmodel-trt:v0/engine\tunmodified\n"
    assert art("which", "car", "--field", "run_name").out == "optimize\n"
    (folder / "more").write_bytes(b"more")
    item = art("which", "car", "--json").json["items"][0]
    assert (item["ref"], item["state"], item["differs"]) == ("model-trt:v0", "modified", "1 file added")
    unknown = art("which", "car/more")
    assert (unknown.code, unknown.out) == (1, "car/more\t\tunknown\n")
    (folder / "more").unlink()
    art("rm", "-y", "model-trt:v0")
    item = art("which", "car", "--json").json["items"][0]
    assert (item["state"], item["version_state"]) == ("unmodified", "trash")
    assert item["differs"] == "in the trash: art restore model-trt:v0"
    assert art("which", "nowhere", "--json").error["code"] == "no-such-path"
    assert art("which", "-", "-").code == 2
