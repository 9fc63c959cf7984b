"""Tables: rows that come back as they were, from a run's files and from artifacts, with their pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest

import artcli as wandb
from tests.kit.command_line import Art
from tests.sdk.conftest import rows
from tests.sdk.test_media import RGB, Tensor, pixels


class Column:
    """A column of a DataFrame, as far as tables ask."""

    def __init__(self, cells: list[Any]) -> None:
        self.cells = cells

    def tolist(self) -> list[Any]:
        return self.cells


class Frame:
    """What a DataFrame of pandas' can do, as far as tables ask."""

    iloc = None

    def __init__(self, **columns: list[Any]) -> None:
        self.columns = list(columns)
        self._columns = columns

    def __getitem__(self, name: str) -> Column:
        return Column(self._columns[name])


FRAME = Frame(a=[1, 2], b=["x", None])
FRAME_ROWS = [[1, "x"], [2, None]]


@pytest.mark.parametrize(
    ("table", "columns", "data"),
    [
        (wandb.Table(), ["Input", "Output", "Expected"], []),
        (wandb.Table(["a", "b"], [[1, "x"], (2, None)]), ["a", "b"], [[1, "x"], [2, None]]),
        (wandb.Table(columns=["a"], rows=[[1]]), ["a"], [[1]]),
        (wandb.Table(columns=["a", "b"], data=numpy.eye(2, dtype=int)), ["a", "b"], [[1, 0], [0, 1]]),
        (wandb.Table(dataframe=FRAME), ["a", "b"], [[1, "x"], [2, None]]),
        (wandb.Table(data=FRAME), ["a", "b"], [[1, "x"], [2, None]]),
    ],
)
def test_what_a_table_is_made_of(table: wandb.Table, columns: list[str], data: list[Any]) -> None:
    assert (table.columns, table.data) == (columns, data)
    assert table == wandb.Table(columns, data)


def test_it_grows() -> None:
    table = wandb.Table(columns=["id", "loss"])
    table.add_data(0, 0.5)
    table.add_row(1, 0.25)
    table.add_column("name", ["a", "b"])
    table.add_computed_columns(lambda index, row: {"twice": row["loss"] * 2, "index": index})
    assert list(table.iterrows()) == [(0, [0, 0.5, "a", 1.0, 0]), (1, [1, 0.25, "b", 0.5, 1])]
    assert (table.get_column("name"), table.get_index()) == (["a", "b"], [0, 1])
    assert table.get_column("loss", convert_to="numpy").tolist() == [0.5, 0.25]
    empty = wandb.Table(columns=[])
    empty.add_column("a", numpy.arange(3))
    assert empty.data == [[0], [1], [2]]


def test_what_is_no_table() -> None:
    table = wandb.Table(columns=["a", "b"], data=[[1, 2]])
    for wrong in (
        lambda: table.add_data(1), lambda: table.add_column("a", [1]), lambda: table.add_column("c", [1, 2]),
        lambda: table.get_column("c"), lambda: wandb.Table(["a"], [[1, 2]]),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()
    for strange in ({"data": 5}, {"data": "text"}, {"dataframe": [1]}, {"columns": "ab"}):
        with pytest.raises(TypeError):
            wandb.Table(**strange)  # type: ignore[arg-type]


def test_a_logged_table_is_a_file_of_the_run(place: Path) -> None:
    table = wandb.Table(columns=["image", "scores", "truth"])
    table.add_data(wandb.Image(RGB, caption="first"), Tensor(numpy.arange(40)), numpy.float32(0.5))
    with wandb.init(project="p") as run:
        run.log({"val/predictions": table, "frame": FRAME})
        table.add_data(None, [], {"a": numpy.int64(1)})
        run.log({"val/predictions": table})
    (_, first), (_, second) = rows(run.id)
    one: Any = first["val/predictions"]
    assert (one["_type"], one["ncols"], one["nrows"]) == ("table-file", 3, 1)
    assert second["val/predictions"]["nrows"] == 2
    record = wandb.Api().run(f"p/{run.id}")
    found = json.loads(record.file(one["path"]).read())
    ((image, scores, truth),) = found["data"]
    assert (found["columns"], scores, truth) == (table.columns, list(range(40)), 0.5)
    assert (image["_type"], image["caption"]) == ("image-file", "first")
    assert record.file(image["path"]).read().startswith(b"\x89PNG")
    assert json.loads(record.file(first["frame"]["path"]).read())["data"] == FRAME_ROWS
    card = Art(place).on_terminal("run", "show", run.id, "-p", "p").out
    assert "val/predictions = table, 2 rows × 3 columns" in card


def test_an_artifact_gives_back_what_was_added() -> None:
    masks = {"truth": {"mask_data": RGB[:, :, 0] // 128, "class_labels": {0: "road", 1: "sky"}}}
    picture = wandb.Image(RGB, caption="c", masks=masks)
    draft = wandb.Artifact("pictures", type="dataset")
    draft.add(wandb.Table(["image", "label"], [[picture, "cat"], [None, "dog"]]), "all")
    draft.add(picture, "one")
    with wandb.init() as run:
        run.log_artifact(draft)
        used = run.use_artifact("pictures:latest")
    table = used.get("all")
    assert (table.columns, [row[1] for row in table.data]) == (["image", "label"], ["cat", "dog"])
    for found in (used.get("one"), used.get("one.image-file.json"), table.data[0][0], draft.get("one")):
        assert pixels(found).tolist() == RGB.tolist()
        assert (found._caption, found._masks["truth"].labels) == ("c", {"0": "road", "1": "sky"})
    assert used.get("nothing") is None
