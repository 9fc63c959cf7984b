"""A server says in the local network that it is there, and which certificate it has; see `buckets.lan`."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from artcli.buckets.lan import INTERFACE, SERVICE, extra_missing
from artcli.errors import ArtError


def name_of_machine() -> str:
    """The name of this machine, as one word of an address."""
    word = re.sub(r"[^a-z0-9-]+", "-", os.uname().nodename.split(".")[0].lower()).strip("-")
    return word[:63].strip("-") or "art"


@contextmanager
def announced(name: str, host: str, port: int, fingerprint: str) -> Iterator[None]:
    """Announce the server in the block. `host`: where it listens, 0.0.0.0 for all addresses of this machine.

    Raises `ArtError` (`cannot-announce`, `extra-missing`).
    """
    try:
        from zeroconf import InterfaceChoice, NonUniqueNameException, ServiceInfo, Zeroconf
    except ImportError:
        raise extra_missing("zeroconf") from None
    one = os.environ.get(INTERFACE)
    here = _addresses() if host in ("0.0.0.0", "::") else [host]
    info = ServiceInfo(
        SERVICE, f"{name}.{SERVICE}", port=port, properties={"fp": fingerprint},
        addresses=[socket.inet_aton(address) for address in here if ":" not in address], server=f"{name}-art.local.",
    )  # fmt: skip
    try:
        zeroconf = Zeroconf(interfaces=[one] if one else InterfaceChoice.All)
    except OSError as error:
        raise _failed((error.strerror or str(error)).lower()) from None
    try:
        zeroconf.register_service(info)
    except (NonUniqueNameException, OSError) as error:
        zeroconf.close()
        known = isinstance(error, NonUniqueNameException)
        raise _failed(f"another server has the name '{name}'" if known else str(error)) from None
    try:
        yield
    finally:
        zeroconf.unregister_service(info)
        zeroconf.close()


def _addresses() -> list[str]:
    """The addresses of this machine, those that lead elsewhere first; IPv4, which every such network has."""
    import psutil

    every = (item for items in psutil.net_if_addrs().values() for item in items)
    found = [item.address for item in every if item.family == socket.AF_INET]
    return sorted(found, key=lambda address: address.startswith("127."))


def _failed(why: str) -> ArtError:
    return ArtError("cannot-announce", f"the local network cannot be told: {why}", hint="art help cannot-announce")
