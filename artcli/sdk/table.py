"""`Table`: rows under named columns, logged in a run or put into an artifact; a cell may be a picture.

Logged, it is a file of the run and a value of W&B's form in the row:

    {"_type": "table-file", "path": "media/table/<key>_<digest>.table.json", "size", "digest", "ncols", "nrows"}

The file, and that of an artifact, is JSON: {"_type": "table", "columns", "data", "ncols", "nrows"}. A cell that is a
picture has the picture's own value (`sdk.media`), whose files are put beside. Other than W&B, a column may mix types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from artcli.content import digest_of
from artcli.sdk import saving
from artcli.sdk.values import Media, is_frame, plain

if TYPE_CHECKING:
    from artcli.sdk.draft import Artifact
    from artcli.sdk.run import Run

FOLDER = "media/table"
COLUMNS = ("Input", "Output", "Expected")
"""What columns are called where nobody says, as with W&B."""

Keep = Callable[[Media], Any]


class Table(Media):
    """Rows under columns.

    `columns`: their names; `data` (or `rows`): a list of rows, an array of two axes, or a DataFrame, as `dataframe` is.
    What else W&B takes (`dtype`, `optional`, `allow_mixed_types`, `log_mode`) means nothing here.

    Raises ValueError for a row that has not as many cells as there are columns, TypeError for what is no table.
    """

    SUFFIX = "table"

    def __init__(
        self, columns: Sequence[str] | None = None, data: Any = None, rows: Any = None, dataframe: Any = None,
        dtype: Any = None, optional: Any = True, allow_mixed_types: bool = False, log_mode: str | None = None,
    ) -> None:  # fmt: skip
        data = rows if data is None else data
        if is_frame(data):
            data, dataframe = None, data
        if dataframe is not None:
            if not is_frame(dataframe):
                raise TypeError(f"dataframe is a DataFrame of pandas', not {type(dataframe).__name__}")
            columns = [str(name) for name in dataframe.columns]
            data = [list(row) for row in zip(*(dataframe[name].tolist() for name in dataframe.columns), strict=True)]
        if columns is not None and (isinstance(columns, str) or not isinstance(columns, Sequence)):
            raise TypeError(f"columns are a list of names, not {columns!r}")
        self.columns: list[str] = list(columns if columns is not None else COLUMNS)
        self.data: list[list[Any]] = []
        if hasattr(data, "tolist"):
            data = data.tolist()
        if data is not None and (isinstance(data, str) or not isinstance(data, Sequence)):
            raise TypeError(f"data is a list of rows, not {type(data).__name__}")
        for row in data or ():
            self.add_data(*row)

    def add_data(self, *data: Any) -> None:
        """Add a row, a cell for each column; raises ValueError for another number of them."""
        if len(data) != len(self.columns):
            raise ValueError(f"a row has a cell for each of {len(self.columns)} columns, not {len(data)}")
        self.data.append(list(data))

    def add_row(self, *row: Any) -> None:
        """The same."""
        self.add_data(*row)

    def add_column(self, name: str, data: Any, optional: bool = False) -> None:
        """Add a column, a cell for each row; raises ValueError for another number, or a name that is taken."""
        if name in self.columns:
            raise ValueError(f"there is a column {name!r} already")
        cells = data.tolist() if hasattr(data, "tolist") else list(data)
        if self.columns and self.data and len(cells) != len(self.data):
            raise ValueError(f"a column has a cell for each of {len(self.data)} rows, not {len(cells)}")
        rows = self.data or [[] for _ in cells]
        self.data = [[*row, cell] for row, cell in zip(rows, cells, strict=True)]
        self.columns.append(name)

    def add_computed_columns(self, fn: Callable[[int, dict[str, Any]], Mapping[str, Any]]) -> None:
        """Add columns of what `fn(index, row)` gives for each row: a dictionary of cells by column."""
        made = [dict(fn(index, dict(zip(self.columns, row, strict=True)))) for index, row in self.iterrows()]
        for name in made[0] if made else ():
            self.add_column(name, [cells[name] for cells in made])

    def get_column(self, name: str, convert_to: str | None = None) -> Any:
        """The cells of a column, as a list or with `convert_to="numpy"` an array; raises ValueError."""
        if name not in self.columns:
            raise ValueError(f"no column {name!r}; there is {', '.join(self.columns)}")
        if convert_to not in (None, "numpy"):
            raise ValueError(f"a column is a list, or converted to numpy, not to {convert_to!r}")
        place = self.columns.index(name)
        cells = [row[place] for row in self.data]
        if convert_to is None:
            return cells
        import numpy

        return numpy.array(cells)

    def get_dataframe(self) -> Any:
        """All of it as a DataFrame of pandas'; raises ImportError without that."""
        import pandas  # type: ignore[import-not-found,import-untyped,unused-ignore]

        return pandas.DataFrame.from_records(self.data, columns=self.columns)

    def iterrows(self) -> Iterator[tuple[int, list[Any]]]:
        """Each row, with its number from 0."""
        yield from enumerate(self.data)

    def get_index(self) -> list[int]:
        """The numbers of the rows."""
        return list(range(len(self.data)))

    def keep(self, run: Run, key: str) -> dict[str, Any]:
        content = json.dumps(self._document(lambda cell: cell.keep(run, key))).encode()
        digest = digest_of(content).hex()
        stem = re.sub(r"[^\w.-]+", "_", key)[:100]
        path = f"{FOLDER}/{stem}_{digest[:20]}.table.json"
        saving.put(run._recording, path, content)
        shape = {"ncols": len(self.columns), "nrows": len(self.data)}
        return {"_type": "table-file", "path": path, "size": len(content), "digest": digest, **shape}

    def keep_in(self, artifact: Artifact) -> dict[str, Any]:
        """What an artifact's file holds; pictures are put beside."""
        return self._document(lambda cell: cell.keep_in(artifact) if hasattr(cell, "keep_in") else cell.keep(None, ""))  # type: ignore[arg-type]

    @classmethod
    def from_kept(cls, value: Mapping[str, Any], read: Callable[[str], bytes]) -> Table:
        """What `keep_in` gave this value for; `read` gives the content of a path."""
        from artcli.sdk.media import Image

        def cell(kept: Any) -> Any:
            is_picture = isinstance(kept, Mapping) and kept.get("_type") == Image.SUFFIX
            return Image.from_kept(kept, read) if is_picture else kept

        return cls(value["columns"], [[cell(kept) for kept in row] for row in value["data"]])

    def _document(self, keep: Keep) -> dict[str, Any]:
        data = [[_kept(cell, keep) for cell in row] for row in self.data]
        shape = {"ncols": len(self.columns), "nrows": len(data)}
        return {"_type": "table", "columns": [str(name) for name in self.columns], "data": data, **shape}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and (self.columns, self.data) == (other.columns, other.data)

    __hash__ = None  # type: ignore[assignment]  # rows may be added

    def __repr__(self) -> str:
        return f"<Table {len(self.data)} × {len(self.columns)}: {', '.join(map(str, self.columns))}>"


def _kept(cell: Any, keep: Keep) -> Any:
    """A cell in JSON's types; arrays whole, whatever their size."""
    if isinstance(cell, Media):
        return keep(cell)
    if hasattr(cell, "detach"):
        cell = cell.detach().cpu().numpy()
    if hasattr(cell, "tolist"):
        cell = cell.tolist()
    if isinstance(cell, Mapping):
        return {str(name): _kept(item, keep) for name, item in cell.items()}
    if isinstance(cell, list | tuple):
        return [_kept(item, keep) for item in cell]
    return plain(cell, unknown=str)
