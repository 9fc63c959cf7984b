"""S3 as moto plays it, on loopback, and the environment in which obstore finds it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ALLOW_HTTP")


@contextmanager
def s3() -> Iterator[Any]:
    """A server of its own; gives boto3's client of it."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    before = {name: os.environ.get(name) for name in NAMES}
    url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    os.environ.update(zip(NAMES, ("key", "secret", url, "us-east-1", "true"), strict=True))
    try:
        yield boto3.client("s3", endpoint_url=url, region_name="us-east-1")
    finally:
        server.stop()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
