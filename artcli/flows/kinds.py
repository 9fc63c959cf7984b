"""The type of a new artifact: the first rule that fits, and its reason, which the command line says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from artcli.catalog import manifest
from artcli.catalog.manifest import PageSource, Root

WORDS = {
    "dataset": ("dataset", "datasets", "data", "images", "labels"),
    "model": ("model", "models", "weights", "checkpoint", "checkpoints", "ckpt"),
    "result": ("result", "results", "eval", "evals", "predictions"),
    "code": ("code", "source", "sources"),
    "table": ("table", "tables"),
}
"""Words that tell a type where they are the name, or the name's first or last part."""

MODEL_SUFFIXES = frozenset(
    (
        ".pt", ".pth", ".ckpt", ".onnx", ".engine", ".trt", ".safetensors", ".gguf", ".h5", ".keras", ".tflite",
        ".joblib", ".pb",
    )
)  # fmt: skip

DEFAULT = "dataset"


class Kind(NamedTuple):
    type: str
    reason: str


def of_name(name: str) -> Kind | None:
    """The type that the name of an artifact tells."""
    parts = [part for part in re.split(r"[-_.]", name.lower()) if part]
    for part in dict.fromkeys((name.lower(), *parts[-1:], *parts[:1])):
        for type, words in WORDS.items():
            if part in words:
                return Kind(type, f"its name says '{part}'")
    return None


def of_files(pages: PageSource, root: Root) -> Kind:
    """The type that the files of a manifest tell: enough of them to tell a folder of model files from others."""
    return of_paths(entry.path for entry in islice(manifest.entries(pages, root), 1000))


def of_paths(paths: Iterable[bytes]) -> Kind:
    """The type that the files tell, else the default."""
    suffixes = {
        (b"." + path.rpartition(b"/")[2].rpartition(b".")[2]).decode(errors="replace").lower() for path in paths
    }
    if suffixes and suffixes <= MODEL_SUFFIXES:
        return Kind("model", f"all its files are {', '.join(sorted(suffixes))}")
    return Kind(DEFAULT, "no other rule fits")
