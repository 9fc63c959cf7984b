"""Servers that announce themselves in a local network: `art+lan://NAME`, found by multicast DNS (RFC 6762, 6763).

    art+lan://NAME[/FINGERPRINT][/PATH]

The announcement says where the server is and which certificate it has. Whoever is in the network may announce anything:
so the fingerprint is kept with the address when a remote is added, and from then on only who has that certificate's
key is spoken to. Needs the extra `lan` (`zeroconf`).
"""

from __future__ import annotations

import os
import re
import socket
from typing import NamedTuple

from artcli.errors import ArtError, NetworkError, UsageError

SCHEME = "art+lan"
SERVICE = "_art._tcp.local."
SECONDS = 4.0
"""For an answer to the question where a server is."""
CONNECT = 2.0
INTERFACE = "ART_LAN_INTERFACE"
"""Environment: the address of the one interface to ask and to announce at."""
_URL = re.compile(
    r"art\+lan://([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:/([0-9a-f]{64}))?((?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)/?",
    re.IGNORECASE | re.ASCII,
)


class Address(NamedTuple):
    """What stands in the address of such a server."""

    name: str
    fingerprint: str | None
    """The SHA-256 of its certificate, 64 hex digits."""
    path: str

    def __str__(self) -> str:
        fingerprint = f"/{self.fingerprint}" if self.fingerprint else ""
        return f"{SCHEME}://{self.name}{fingerprint}{self.path}"


def parse(url: str) -> Address:
    """The parts of an address; raises `UsageError` (`bad-url`)."""
    found = _URL.fullmatch(url)
    if not found:
        raise UsageError(
            "bad-url", f"not the address of a server in the local network: {url}",
            facts=["such as art+lan://car, or what `art serve --lan` prints"], hint="art help bad-url",
        )  # fmt: skip
    return Address(found[1].lower(), found[2] and found[2].lower(), found[3])


def pinned(url: str) -> str:
    """The address with the fingerprint of the server that answers to the name now; raises as `resolve`."""
    address = parse(url)
    return str(address._replace(fingerprint=resolve(url)[1]))


def resolve(url: str) -> tuple[str, str]:
    """Where the server is, as an `https://` address, and the fingerprint that its certificate must have.

    Raises `NetworkError` (`remote-unreachable`), (`bad-certificate`) if it announces another certificate than the
    address names, `ArtError` (`extra-missing`), `UsageError` (`bad-url`).
    """
    address = parse(url)
    hosts, port, fingerprint = _ask(address.name)
    if address.fingerprint not in (None, fingerprint):
        raise NetworkError(
            "bad-certificate", f"'{address.name}' announces another certificate than the one that was pinned",
            hint="art help bad-certificate",
        )  # fmt: skip
    for host in hosts:
        try:
            socket.create_connection((host, port), timeout=CONNECT).close()
        except OSError:
            continue
        return f"https://{f'[{host}]' if ':' in host else host}:{port}{address.path}", fingerprint
    raise _nobody(address.name, "announces itself, and cannot be connected to")


def _ask(name: str) -> tuple[list[str], int, str]:
    try:
        from zeroconf import InterfaceChoice, Zeroconf
    except ImportError:
        raise extra_missing("zeroconf") from None
    one = os.environ.get(INTERFACE)
    try:
        zeroconf = Zeroconf(interfaces=[one] if one else InterfaceChoice.All)
    except OSError as error:
        raise _nobody(name, f"cannot be asked for: {(error.strerror or str(error)).lower()}") from None
    try:
        info = zeroconf.get_service_info(SERVICE, f"{name}.{SERVICE}", timeout=int(SECONDS * 1000))
    finally:
        zeroconf.close()
    fingerprint = ((info.properties.get(b"fp") if info else None) or b"").decode("ascii", "replace")
    if info is None or not info.port or not re.fullmatch("[0-9a-f]{64}", fingerprint):
        raise _nobody(name, "does not answer in this network")
    return info.parsed_addresses(), info.port, fingerprint


def _nobody(name: str, why: str) -> NetworkError:
    return NetworkError("remote-unreachable", f"the server '{name}' {why}", hint="art help remote-unreachable")


def extra_missing(module: str) -> ArtError:
    """The error where a library of the extra `lan` is not there."""
    return ArtError("extra-missing", f"this needs the Python library '{module}'", hint="pip install 'artcli[lan]'")
