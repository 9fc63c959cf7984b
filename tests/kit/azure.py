"""A store that speaks as Azure Blob Storage does: its emulator (`npm install -g azurite`), where that is installed."""

from __future__ import annotations

import atexit
import base64
import hashlib
import hmac
import itertools
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from email.utils import formatdate
from functools import lru_cache

import pytest

from tests.kit.s3 import free_port, wait_for

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The emulator's own, which is the same everywhere."""
_numbers = itertools.count()


@lru_cache(maxsize=1)
def server() -> str:
    """The address of the emulator, which ends with this process."""
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("no azurite")
    port = free_port()
    words = ["--blobPort", str(port), "--silent", "--skipApiVersionCheck", "--inMemoryPersistence"]
    holder = tempfile.TemporaryDirectory()
    process = subprocess.Popen([program, *words], cwd=holder.name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end() -> None:
        process.kill()
        process.wait()
        holder.cleanup()

    atexit.register(end)
    wait_for(port)
    return f"http://127.0.0.1:{port}/{ACCOUNT}"


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a new one; the environment says how it is reached."""
    emulator = server()
    name = f"container{next(_numbers)}"
    request("PUT", f"/{name}", "restype:container")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", emulator)
    return name


def request(method: str, path: str, query: str = "") -> bytes:
    """Without our own code: signed by the rule of the service."""
    date, version = formatdate(usegmt=True), "2021-08-06"
    told = f"x-ms-date:{date}\nx-ms-version:{version}\n/{ACCOUNT}/{ACCOUNT}{path}" + (f"\n{query}" if query else "")
    text = f"{method}{chr(10) * 12}{told}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)).decode()
    headers = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {ACCOUNT}:{signature}"}
    url = f"{server()}{path}" + (f"?{query.replace(':', '=')}" if query else "")
    with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers)) as answer:
        return bytes(answer.read())


def stored(path: str) -> bytes | None:
    """The bytes of a blob; `path` begins with its container."""
    try:
        return request("GET", f"/{path}")
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return None
