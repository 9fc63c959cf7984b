"""A certificate of one's own, for a server in a local network: who joins compares its fingerprint, not who signed it.

Needs the extra `lan` (`cryptography`).
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from artcli.buckets.lan import extra_missing
from artcli.buckets.replacing import replace

YEARS = 10


def write_certificate(folder: Path, names: Sequence[str]) -> tuple[Path, Path]:
    """The files of a certificate for these names and addresses and of its key, made in `folder` if they are not there.

    Raises `ArtError` (`extra-missing`).
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if certificate.is_file() and key.is_file():
        return certificate, key
    folder.mkdir(parents=True, exist_ok=True)
    pem, secret = _made(names)
    for path, data, mode in ((key, secret, 0o600), (certificate, pem, 0o644)):
        replace(path, data, mode=mode)
    return certificate, key


def fingerprint(certificate: Path) -> str:
    """The SHA-256 of a certificate (in its DER form), in hex, as clients pin it."""
    import ssl

    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()


def _made(names: Sequence[str]) -> tuple[bytes, bytes]:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise extra_missing("cryptography") from None
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # a board without a battery may believe that it is 1970
        .not_valid_before(datetime.datetime(1970, 1, 2, tzinfo=datetime.timezone.utc))
        .not_valid_after(max(now, datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)) + YEARS * YEAR)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), secret


YEAR = datetime.timedelta(days=365)


def _general_name(name: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
