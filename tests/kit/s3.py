"""A store that speaks S3, in a process of its own: moto's server, started when a test first asks for it."""

from __future__ import annotations

import atexit
import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

_numbers = itertools.count()


@lru_cache(maxsize=1)
def server() -> str:
    """The address of the server, which ends with this process."""
    port = free_port()
    program = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    atexit.register(process.kill)
    wait_for(port)
    return f"http://127.0.0.1:{port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 30) -> None:
    """Return when something listens there."""
    until = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < until, f"nothing listens on {port}"
            time.sleep(0.02)


def credentials(endpoint: str) -> dict[str, str]:
    """The variables by which the store is found."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """`s3()` is the URL of a new bucket; the environment says how it is reached."""
    pytest.importorskip("obstore")
    pytest.importorskip("moto")
    for name, value in credentials(server()).items():
        monkeypatch.setenv(name, value)
    return new_bucket


@lru_cache(maxsize=1)
def client() -> Any:
    """Another library's way to the store."""
    import boto3

    return boto3.client(
        "s3", endpoint_url=server(), region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def new_bucket() -> str:
    name = f"bucket{next(_numbers)}"
    client().create_bucket(Bucket=name)
    return f"s3://{name}"


def stored(url: str, key: str) -> bytes | None:
    """The bytes of an object, asked of the store without our own code."""
    bucket, _, prefix = url.partition("://")[2].partition("/")
    try:
        return bytes(client().get_object(Bucket=bucket, Key=f"{prefix}/{key}".lstrip("/"))["Body"].read())
    except client().exceptions.NoSuchKey:
        return None
