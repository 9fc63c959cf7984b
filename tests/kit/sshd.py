"""A real sshd on loopback, with keys of its own, started when a test first asks for it; it ends with this process."""

from __future__ import annotations

import atexit
import getpass
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import pytest

from tests.kit.s3 import free_port, wait_for
from tests.kit.shown import CHECKOUT

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"

CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


@lru_cache(maxsize=1)
def server() -> tuple[str, str]:
    """USER@HOST:PORT, and the command that reaches it (for ART_SSH)."""
    holder = tempfile.TemporaryDirectory()
    folder = Path(holder.name)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    port = free_port()
    shutil.copy(folder / "user.pub", folder / "authorized")
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([SSHD, "-D", "-f", folder / "config"], stderr=subprocess.DEVNULL)

    def end() -> None:
        process.kill()
        process.wait()
        holder.cleanup()

    atexit.register(end)
    wait_for(port)
    command = (
        f"ssh -F none -o BatchMode=yes -o UserKnownHostsFile={folder}/known -o IdentitiesOnly=yes -i {folder}/user"
    )
    return f"{getpass.getuser()}@127.0.0.1:{port}", command


def reachable(patch: pytest.MonkeyPatch, path: Path, module: str = "artcli") -> str:
    """The URL of a directory; `python -m module` stands for `art` on the other side."""
    if not (Path(SSHD).is_file() and shutil.which("ssh") and os.geteuid() == 0):
        pytest.skip("no sshd that could be started")
    where, command = server()
    patch.setenv("ART_SSH", command)
    patch.setenv("ART_SSH_COMMAND", f"env PYTHONPATH={CHECKOUT} {sys.executable} -m {module}")
    return f"ssh://{where}{path}"


@pytest.fixture
def ssh(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`ssh(path)`: see `reachable`."""
    return partial(reachable, monkeypatch)
