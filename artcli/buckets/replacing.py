"""Small files that this machine keeps beside what is shared, each replaced as a whole: lists, marks, tokens."""

from __future__ import annotations

import os
from pathlib import Path

from artcli.buckets.folders import Handle, sync, sync_folder


def replace(path: Path, data: bytes, *, durable: bool = True, mode: int = 0o666) -> None:
    """Let `data` be what the file holds: who reads it finds the old bytes or the new ones, also after a crash.

    `durable`: it is the new ones after a power cut; else what is there then may be torn. `mode`: who may read it, less
    the umask. Raises OSError.
    """
    fresh = path.with_name(f"{path.name}.{os.urandom(4).hex()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                sync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(Handle(os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)))
