"""Azure Blob Storage, before its emulator (`npm install -g azurite`), where that is installed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from artcli.buckets.objectstore import ObjectBucket
from artcli.buckets.probe import probe
from artcli.buckets.urls import open_bucket
from artcli.errors import AuthError, NotFoundError
from tests.kit.bucket_suite import BucketSuite, Raw
from tests.kit.s3 import free_port, wait_for

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The emulator's own, which is the same everywhere."""
_numbers = itertools.count()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("no azurite")
    port = free_port()
    words = ["--blobPort", str(port), "--silent", "--skipApiVersionCheck", "--inMemoryPersistence"]
    process = subprocess.Popen(
        [program, *words], cwd=tmp_path_factory.mktemp("azurite"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def container(emulator: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a new one; the environment says how it is reached."""
    name = f"container{next(_numbers)}"
    request(emulator, "PUT", f"/{name}", "restype:container")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", emulator)
    return name


def request(emulator: str, method: str, path: str, query: str = "") -> bytes:
    """Without our own code: signed by the rule of the service."""
    date, version = formatdate(usegmt=True), "2021-08-06"
    told = f"x-ms-date:{date}\nx-ms-version:{version}\n/{ACCOUNT}/{ACCOUNT}{path}" + (f"\n{query}" if query else "")
    text = f"{method}{chr(10) * 12}{told}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)).decode()
    headers = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {ACCOUNT}:{signature}"}
    url = f"{emulator}{path}" + (f"?{query.replace(':', '=')}" if query else "")
    with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers)) as answer:
        return bytes(answer.read())


class TestAzure(BucketSuite):
    @pytest.fixture
    def bucket(self, container: str) -> ObjectBucket:
        return ObjectBucket(f"az://{container}/some/prefix")

    @pytest.fixture
    def raw(self, bucket: ObjectBucket, emulator: str) -> Raw:
        def read(key: str) -> bytes | None:
            try:
                return request(emulator, "GET", f"/{bucket.url.removeprefix('az://')}/{key}")
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise
                return None

        return read


def test_it_is_safe_for_many_writers(container: str) -> None:
    assert probe(open_bucket(f"az://{container}")) == []


def test_what_goes_wrong(container: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError) as missing:
        list(ObjectBucket("az://no-such-container").list(""))
    assert missing.value.slug == "bucket-not-found"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(b"another").decode())
    with pytest.raises(AuthError) as refused:
        ObjectBucket(f"az://{container}").get("a")
    assert refused.value.slug == "not-permitted"
