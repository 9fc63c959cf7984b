"""A bucket in an object store: S3, Google Cloud Storage, Azure Blob Storage, and what speaks like them.

obstore speaks the protocols (extra `[cloud]`, imported when the first such bucket is opened), and finds endpoint,
region and credentials in the variables of each store's own tools. `add` is a put that the store refuses if the name is
taken. obstore is told to try nothing again: it would report as taken what its own first try has written. Who wraps the
bucket in a `RetryingBucket` gets both, tries and the truth.

The surprises: a prefix of obstore is whole path segments, so the rest of ours is compared here; a range that begins at
the end is an error 416; Azure says 409 where a name is taken, S3 says it where two writes meet, and means "again".
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from artcli.buckets.bucket import KEY, Item, Missing, check_key
from artcli.buckets.retry import joined, unreachable
from artcli.content import Buffer
from artcli.errors import ArtError, AuthError, ConflictError, NotFoundError, SpaceError, UsageError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

R = TypeVar("R")

SCHEMES: Mapping[str, str] = {"s3": "S3Store", "gs": "GCSStore", "az": "AzureStore"}
ENDPOINTS: Mapping[str, tuple[str, ...]] = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL", "STORAGE_EMULATOR_HOST"),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""Variables that say where the store is, if it is not its vendor's; http is allowed if they say http."""

STALL = "30s"
"""How long an answer may stop."""
SMALL = 1 << 20
"""Bytes: what is larger may take `SLOW` to be sent, else `QUICK`."""
QUICK, SLOW = "60s", "15m"

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([\w.-]{1,80})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})")
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
_PAST_END = "but object was only"
"""What obstore says of a range that begins at the end, where the store did not say 416."""
_NO_CREDENTIALS = (
    "169.254.169.254",  # the last place where they are looked for is the cloud's own machine
    "metadata.google.internal",
    "Account must be specified",
    "MissingAccessKeyId",
    "MissingSecretAccessKey",
)


class ObjectBucket:
    """The objects of `url` (s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX); any thread may use it."""

    READERS = 128
    """See `bucket.READERS`: a store of many machines answers as many at once as one asks."""

    def __init__(self, url: str) -> None:
        """Asks nothing of the store yet.

        Raises `UsageError` (`bad-url`), `ArtError` (`extra-missing`), `AuthError` (`no-credentials`).
        """
        self.url = url
        self.scheme, self._container, self._prefix = parts(url)
        self._stores: dict[tuple[str, str], ObjectStore] = {}
        self._reader = self._store("1day", STALL)

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        if start < 0 or (length is not None and length < 0):
            raise ValueError(f"not a range: {start}, {length}")
        check_key(key)
        if length == 0:
            self._do(lambda: library().head(self._reader, key), key)
            return b""
        options: Any = None
        if length is not None:
            options = {"range": (start, start + length)}
        elif start:
            options = {"range": {"offset": start}}
        return self._do(lambda: _whole(library().get(self._reader, key, options=options)), key)

    def view(self, key: str) -> memoryview:
        return memoryview(self.get(key))

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        """See `Bucket.add`. Raises `Passing` also where another write of the same name was under way."""
        check_key(key)
        whole = joined(data)
        store = self._store(QUICK if len(whole) <= SMALL else SLOW, "1day")
        try:
            self._do(lambda: library().put(store, key, whole, mode="create", use_multipart=False))
        except _Taken:
            return False
        return True

    def list(self, prefix: str, after: str = "") -> Iterator[Item]:
        if prefix:
            check_key(prefix + "0")
        return self._list(prefix, after)

    def delete(self, key: str) -> None:
        check_key(key)
        try:
            self._do(lambda: library().delete(self._reader, key), key)
        except Missing:
            pass  # removing what is not there is no error

    def _list(self, prefix: str, after: str) -> Iterator[Item]:
        folder = prefix.rpartition("/")[0] or None
        begin = after if KEY.fullmatch(after) else None
        batches = iter(library().list(self._reader, folder, offset=begin, chunk_size=1000))
        last = after
        while (batch := self._do(lambda: next(batches, None))) is not None:
            for found in batch:
                key = found["path"]
                if key > last and key.startswith(prefix) and KEY.fullmatch(key):
                    last = key
                    yield Item(key, found["size"], found["last_modified"].timestamp())

    def _store(self, timeout: str, stall: str) -> ObjectStore:
        """The store, of which one request may take `timeout`, and may stop for `stall`."""
        known = self._stores.get((timeout, stall))
        if known is None:
            known = self._do(lambda: open_store(self.scheme, self._container, self._prefix, timeout, stall))
            self._stores[timeout, stall] = known
        return known

    def _do(self, operation: Callable[[], R], key: str | None = None) -> R:
        """The result; what obstore raises becomes one of our errors, `Missing` if `key` is asked for."""
        exceptions = library().exceptions
        try:
            return operation()
        except FileNotFoundError as error:
            if key is None or any(word in str(error) for word in _NO_BUCKET):
                raise self._no_bucket() from None
            raise Missing(key) from None
        except exceptions.AlreadyExistsError as error:
            if _status(error) == 412 or "BlobAlreadyExists" in str(error):
                raise _Taken from None
            raise unreachable(self.url, "another write of the same name was under way") from None
        except exceptions.BaseError as error:
            if key is not None and (_status(error) == 416 or _PAST_END in str(error)):
                return b""  # type: ignore[return-value]  # the range of a `get`
            raise self._explained(error) from None

    def _explained(self, error: Exception) -> ArtError:
        text, status = str(error), _status(error)
        said = reason(text)
        if any(word in text for word in _NO_CREDENTIALS):
            return AuthError(
                "no-credentials", f"no credentials for {self.url}", facts=[_WANTED[self.scheme]],
                hint="art help no-credentials",
            )  # fmt: skip
        if status in (401, 403):
            return AuthError("not-permitted", f"{self.url} does not permit this: {said}", hint="art help not-permitted")
        if status == 404 or any(word in text for word in _NO_BUCKET):
            return self._no_bucket()
        if status == 507:
            return SpaceError("remote-full", f"{self.url} has no room left: {said}", hint="art help remote-full")
        if status in _LATER or "HTTP error" in text:
            return unreachable(self.url, said, connected="kind: Connect" not in text)
        return ConflictError("remote-refused", f"{self.url} refuses: {said}", hint="art help remote-refused")

    def _no_bucket(self) -> NotFoundError:
        return NotFoundError("bucket-not-found", f"there is no bucket '{self._container}'", facts=[f"in {self.url}"])


class _Taken(Exception):
    """An object has the name."""


def parts(url: str) -> tuple[str, str, str]:
    """Scheme, bucket and prefix ("" for none) of a URL; raises `UsageError` (`bad-url`)."""
    scheme, _, rest = url.partition("://")
    container, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    named = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}", container)
    if not named or any(part in ("", ".", "..") for part in prefix.split("/") if prefix) or not prefix.isprintable():
        raise UsageError(
            "bad-url", f"not the URL of a bucket: {url}", facts=[f"such as {scheme}://bucket/prefix"],
            hint="art help bad-url",
        )  # fmt: skip
    return scheme.lower(), container, prefix


_WANTED: Mapping[str, str] = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, with AWS_REGION or AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, the file of a service account",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN",
}


def open_store(scheme: str, container: str, prefix: str, timeout: str, stall: str) -> ObjectStore:
    """A bucket, of which one request may take `timeout` and may stop for `stall`; nothing is tried again."""
    from datetime import timedelta

    import obstore.store

    from artcli.buckets import shared_credentials

    told = shared_credentials.found() if scheme == "s3" else {}
    endpoint = next((value for name in ENDPOINTS[scheme] if (value := os.environ.get(name))), None)
    if endpoint:
        told.pop("endpoint", None)  # a variable comes before a file
    plain = (endpoint or told.get("endpoint", "")).startswith("http://")
    client: dict[str, Any] = {"timeout": timeout, "read_timeout": stall, "allow_http": plain}
    if authorities := os.environ.get("ART_CA"):
        client["root_certificate"] = Path(authorities).read_bytes()
    options: dict[str, Any] = {
        "prefix": prefix or None,
        "client_options": client,
        "retry_config": {"max_retries": 0, "retry_timeout": timedelta(seconds=1)},
        **told,
    }
    made: ObjectStore = getattr(obstore.store, SCHEMES[scheme])(container, **options)
    return made


def library() -> Any:
    """The library. Raises `ArtError` (`extra-missing`)."""
    try:
        import obstore
        import obstore.exceptions
    except ImportError:
        raise ArtError(
            "extra-missing",
            "object stores need a library that is not installed",
            facts=["pip install 'artcli[cloud]'"],
            hint="art help extra-missing",
        ) from None
    return obstore


def _whole(result: Any) -> bytes:
    """The bytes of an answer; a `GenericError` if they are not as many as it said."""
    data = bytes(result.bytes())
    first, end = result.range
    if len(data) != end - first:
        raise library().exceptions.GenericError("HTTP error: the answer is cut")
    return data


def _status(error: Exception) -> int:
    """The HTTP status that the store answered; 0 if none."""
    found = _STATUS.search(str(error))
    return int(found[1]) if found else 0


def reason(text: str) -> str:
    """What the store said, without addresses, which may hold secrets."""
    code, message, status = _CODE.search(text), _MESSAGE.search(text), _STATUS.search(text)
    words = [found[1].strip() for found in (code, message) if found]
    if words:
        return ": ".join(words)
    if status:
        return f"status {status[1]}"
    first = text.partition("\n")[0].rpartition(" - ")[2]
    return re.sub(r"\S*://\S*", "…", first)[:200] or "no answer"
