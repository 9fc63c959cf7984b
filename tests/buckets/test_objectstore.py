"""Object stores, against a real one in memory, and against one that answers as a bad day makes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artcli.buckets import objectstore, shared_credentials
from artcli.buckets.objectstore import ObjectBucket
from artcli.buckets.probe import probe
from artcli.buckets.retry import Passing, RetryingBucket
from artcli.buckets.urls import open_bucket
from artcli.errors import ArtError, AuthError, ConflictError, NetworkError, SpaceError
from tests.kit.bucket_suite import BucketSuite, Raw
from tests.kit.s3 import credentials, s3, stored
from tests.kit.s3_fake import FAULTS, Fault, Store, serving
from tests.kit.scripted import answer, saying

__all__ = ["s3"]


class TestS3(BucketSuite):
    @pytest.fixture
    def bucket(self, s3: Callable[[], str]) -> ObjectBucket:
        return ObjectBucket(s3() + "/some/prefix")

    @pytest.fixture
    def raw(self, bucket: ObjectBucket) -> Raw:
        return lambda key: stored(bucket.url, key)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with serving() as store:
        for name, value in credentials(store.endpoint).items():
            monkeypatch.setenv(name, value)
        yield store


def patient(monkeypatch: pytest.MonkeyPatch) -> RetryingBucket:
    """The bucket of the fake as `open_bucket` gives it, without the waits."""
    monkeypatch.setattr(objectstore, "QUICK", "1s")
    bucket = open_bucket("s3://bucket/p")
    assert isinstance(bucket, RetryingBucket)
    bucket._sleep = lambda _: None
    return bucket


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lost_answer_is_made_up_for(fault: Fault, fake: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = patient(monkeypatch)
    fake.hang = 1.5
    fake.faults = [fault]
    assert bucket.add("log/0", b"mine") is True
    assert fake.objects == {"p/log/0": b"mine"}
    fake.faults = [fault]
    assert bucket.add("log/0", b"other") is False
    assert bucket.get("log/0") == b"mine"


def test_faults_one_after_the_other(fake: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = patient(monkeypatch)
    fake.faults = ["cut before", "409", "503 before", "503 after"]
    assert bucket.add("log/0", b"mine") is True
    assert fake.puts == 4
    fake.cut_gets = 3
    assert bucket.get("log/0") == b"mine"
    fake.cut_gets = 1
    assert [item.key for item in bucket.list("log/")] == ["log/0"]


def test_an_outcome_that_stays_unknown(fake: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = patient(monkeypatch)
    bucket.patience = 0.5
    fake.always = 503
    with pytest.raises(NetworkError) as raised:
        bucket.add("log/0", b"mine")
    assert raised.value.slug == "outcome-unknown"
    fake.always = 0
    assert bucket.add("log/0", b"mine") is True


@pytest.mark.parametrize(
    ("status", "slug", "kind"),
    [
        (400, "remote-refused", ConflictError),
        (401, "not-permitted", AuthError),
        (403, "not-permitted", AuthError),
        (507, "remote-full", SpaceError),
        (503, "remote-unreachable", Passing),
        (429, "remote-unreachable", Passing),
    ],
)
def test_what_a_store_may_answer(status: int, slug: str, kind: type[ArtError], fake: Store) -> None:
    bucket = ObjectBucket("s3://bucket/p")
    fake.always = status
    for verb in (lambda: bucket.get("a"), lambda: bucket.add("a", b"x"), lambda: list(bucket.list(""))):
        with pytest.raises(kind) as raised:
            verb()
        assert raised.value.slug == slug
        assert "127.0.0.1" not in raised.value.message


def test_a_store_that_lets_two_win_is_found_out(fake: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe(patient(monkeypatch)) == []
    fake.conditions = False
    found = probe(patient(monkeypatch))
    assert found[0] == "a second writer of the same name is told that he has won"
    assert found[1] == "the bytes of the first writer are replaced"
    assert found[-1] == "of 4 writers at once 4 are told that they have won"
    assert fake.objects == {}


def test_what_aws_configure_wrote_is_used(fake: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in credentials(""):
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = A\naws_secret_access_key = B\n"
        "[lab]\naws_access_key_id = LABKEY\naws_secret_access_key = secret%s\naws_session_token = T\n"
    )
    (tmp_path / "config").write_text(f"[profile lab]\nregion = eu-x-1\nendpoint_url = {fake.endpoint}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert shared_credentials.found() == {"access_key_id": "A", "secret_access_key": "B"}
    monkeypatch.setenv("AWS_PROFILE", "lab")
    bucket = ObjectBucket("s3://bucket/p")
    assert bucket.add("a", b"x")
    assert "Credential=LABKEY/" in fake.authorization
    assert "/eu-x-1/s3/" in fake.authorization
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    assert bucket.get("a") == ObjectBucket("s3://bucket/p").get("a")
    assert "Credential=other/" in fake.authorization
    monkeypatch.setenv("AWS_REGION", "us-x-1")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    assert "region" not in shared_credentials.found()
    (tmp_path / "config").write_text("no file of settings")
    assert shared_credentials.found() == {}


def test_keys_of_a_listing_that_are_none_of_ours(fake: Store) -> None:
    bucket = ObjectBucket("s3://bucket/p")
    for key in ("p/a", "p/b c", "p/-x", "p/d", "p/.hidden", "pq/e"):
        fake.objects[key] = b"x"
    assert [item.key for item in bucket.list("")] == ["a", "d"]


def test_what_google_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No emulator knows the condition; so much is seen, that it is sent, and its answer understood."""
    with saying([answer(200, b"", 'ETag: "x"', "x-goog-generation: 1"), answer(412), answer(503)]) as server:
        account = {"gcs_base_url": server.url, "disable_oauth": True, "client_email": "", "private_key": "",
                   "private_key_id": ""}  # fmt: skip
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(account))
        monkeypatch.setenv("GOOGLE_BASE_URL", server.url)
        bucket = ObjectBucket("gs://bucket/p")
        assert bucket.add("log/0", b"mine") is True
        assert bucket.add("log/0", b"other") is False
        assert server.heard[0].split()[:2] == [b"PUT", b"/bucket/p%2Flog%2F0"]
        assert all(b"x-goog-if-generation-match: 0" in head.lower() for head in server.heard)
        with pytest.raises(Passing):
            bucket.add("log/0", b"mine")
