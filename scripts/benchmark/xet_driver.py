"""Drives hf-xet, which has no command line: `add STORE LIST PATH` and `restore STORE LIST DIRECTORY`.

Runs in hf-xet's own environment. LIST is a JSON file of path -> [hash, size], since the store knows no paths.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import hf_xet  # type: ignore[import-not-found]


def files_of(path: str) -> list[str]:
    if os.path.isfile(path):
        return [path]
    return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]


def add(store: str, listing: Path, path: str) -> None:
    with hf_xet.XetSession().new_upload_commit(endpoint="local://" + store) as commit:
        uploads = [(name, commit.start_upload_file(name)) for name in files_of(path)]
    rows = {}
    for name, upload in uploads:
        info = upload.result().xet_info
        rows[name] = [info.hash, info.file_size]
    listing.write_text(json.dumps(rows))


def restore(store: str, listing: Path, out: str) -> None:
    with hf_xet.XetSession().new_file_download_group(endpoint="local://" + store) as group:
        for name, (digest, size) in json.loads(listing.read_text()).items():
            target = os.path.join(out, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            group.start_download_file(hf_xet.XetFileInfo(digest, size), target)


if __name__ == "__main__":
    verb, store, listing, path = sys.argv[1:]
    {"add": add, "restore": restore}[verb](store, Path(listing), path)
