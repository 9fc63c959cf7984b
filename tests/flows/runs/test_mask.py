"""No secret of the forms that are promised gets past the mask; what only looks like one does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artcli.catalog.repository import Repository
from artcli.flows.runs import mask

NAMES = ("api-key", "token", "my_password", "SECRET", "hf-token", "aws_secret_access_key", "admin-tokens", "keyfile")
S = "s3cr3t"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("--api-key abc --lr 1", "--api-key *** --lr 1"),
        ("--api-key=abc x", "--api-key=*** x"),
        ("--wandb_TOKEN t --password p", "--wandb_TOKEN *** --password ***"),
        ("--password -starts-with-one", "--password ***"),
        ("--admin-tokens=abc --tokenizer_api_key abc", "--admin-tokens=*** --tokenizer_api_key ***"),
        ("AWS_SECRET_ACCESS_KEY=abc python x", "AWS_SECRET_ACCESS_KEY=*** python x"),
        ("docker run --env=API_KEY=abc -e HF_TOKEN=abc x", "docker run --env=API_KEY=*** -e HF_TOKEN=*** x"),
        ("--use-key --lr 1", "--use-key --lr 1"),
        ("--tokenizer bert --max-tokens 5 --keypoints=17", "--tokenizer bert --max-tokens 5 --keypoints=17"),
        ("--n_tokens=5 --keyboard us", "--n_tokens=5 --keyboard us"),
        ("-p hunter2 open-sesame", "-p hunter2 open-sesame"),
        ("https://me:pw@host/a?b=c@d", "https://***@host/a?b=c@d"),
        ("https://me:p/w#x?y@host/a", "https://***@host/a"),
        ("http://host:8080/a@b http://[::1]:80/a@b", "http://host:8080/a@b http://[::1]:80/a@b"),
        ("--proxy=http://me@host:1 https://a@h,https://b@h", "--proxy=http://***@host:1 https://***@h,https://***@h"),
        ("git+ssh://git@host:22/x", "git+ssh://***@host:22/x"),
        ("postgres://u:p@ss@host/db", "postgres://***@host/db"),
        ("https://h/x?api_key=abc&lr=1&X-Amz-Signature=ff#t", "https://h/x?api_key=***&lr=1&X-Amz-Signature=***#t"),
        ("mail@host keys.txt repo/image:tag@sha256:ff", "mail@host keys.txt repo/image:tag@sha256:ff"),
    ],
)
def test_secrets_of_a_command(said: str, kept: str) -> None:
    assert mask.arguments(said.split()) == kept.split()


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("export API_KEY=abc; python x --token abc --lr 1", "export API_KEY=*** python x --token *** --lr 1"),
        ("python x --password 'a b' --api-key=\"c d\" -v", "python x --password *** --api-key=*** -v"),
        ("curl -H 'X-Api-Key: a b' -H \"Authorization: Bearer abc\"", "curl -H 'X-Api-Key: ***' -H \"Authorization: "
         "Bearer ***"),
        ('{"api_key": "a \\" b", "lr": 1, "db": {"password":"x"}}',
         '{"api_key": ***, "lr": 1, "db": {"password":***}}'),
        ("login(token='abc', n=1)", "login(token=***, n=1)"),
        ("secret = \"abc\"\nprint(secret)", "secret = ***\nprint(secret)"),
        ("export API_KEY='a'bc go; export TOKEN=\"a\"'b c'", "export API_KEY=*** go; export TOKEN=***"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("PRIVATE-TOKEN: abc def", "PRIVATE-TOKEN: ***"),
        ("best = max(found, key=found.get); print(tokens)", "best = max(found, key=found.get); print(tokens)"),
        ("for key in d: print(f'{key}: {d[key]}')", "for key in d: print(f'{key}: {d[key]}')"),
        ("what a secret: none", "what a secret: none"),
        ("cut -d= -f1 --keyword --lr=3", "cut -d= -f1 --keyword --lr=3"),
    ],
)  # fmt: skip
def test_secrets_in_a_word_that_is_a_script(word: str, kept: str) -> None:
    assert mask.arguments(["-c", word])[1] == kept


@given(st.text(alphabet="abcXYZ0189-_./?#&;$@%!'", min_size=1), st.sampled_from(NAMES))
def test_a_secret_is_masked_whatever_stands_around_its_name(value: str, name: str) -> None:
    value = S + value
    variable = name.upper().replace("-", "_")
    for argv in (
        [f"--{name}", value], [f"--{name}={value}"], [f"-{name}", value], [f"MY_{variable}={value}"],
        [f"--env=MY_{variable}={value}"], ["sh", "-c", f"{variable}={value} go --x"], [f"go --{name} {value} --x"],
    ):  # fmt: skip
        assert S not in " ".join(mask.arguments(argv))


@given(st.text(alphabet="abcXYZ0189-_.:%!", max_size=9), st.text(alphabet="ab1-_.:%!/?#@", max_size=9))
def test_the_user_of_a_url_is_masked(user: str, password: str) -> None:
    for url in (f"https://{user}:{S}x{password}@host/a", f"s3+http://{S}{user}@host"):
        assert S not in mask.text(f"see {url}")
        assert S not in " ".join(mask.arguments([url, f"--remote={url}", f"git clone '{url}'"]))


def test_words_of_any_length_are_masked_in_no_time() -> None:
    for word in ("key" * 50_000, "a=" * 50_000, "-key " * 50_000, "://" * 50_000, '"' * 100_000, "://a:" * 30_000):
        assert mask.arguments([word])


def test_of_a_command_of_many_words_the_beginning_is_kept() -> None:
    words = ["python", *(f"images/{number}.jpg" for number in range(100_000))]
    found = mask.arguments(words)
    assert found[:-1] == words[: len(found) - 1]
    assert found[-1] == f"[art: more words: {len(words) - len(found) + 1}]"
    assert sum(map(len, found)) < mask.LENGTH
    assert mask.arguments(["x" * 200_000]) == ["[art: more words: 1]"]
    assert not mask.is_whole(found)
    assert mask.is_whole(["a"])
    assert mask.is_whole([])


def test_secrets_of_the_environment() -> None:
    environ = {"AWS_SECRET_ACCESS_KEY": "a", "AWS_REGION": "b", "HTTPS_PROXY": "http://me:pw@host"}
    assert mask.variables(environ) == {
        "AWS_SECRET_ACCESS_KEY": "***", "AWS_REGION": "b", "HTTPS_PROXY": "http://***@host",
    }  # fmt: skip
    assert mask.variables({"LONG": "x" * 200_000, "NEXT": "y"}) == {"LONG": "x" * mask.LENGTH, "NEXT": ""}


def test_secrets_of_a_config() -> None:
    given = {
        "api_key": "a", "db": {"password": "b", "pin_secret": 1234}, "token": 7, "max_tokens": 5, "url": "s3://k:s@h",
        "hfToken": "a", "monkey": "b", "key": "c", "tokenizer": "d", "nodes": [{"passwd": "e"}, "http://u:p@h"],
        "passwords": ["a", "b"], "has_password": True, "prompt": "the token: 'x'",
    }  # fmt: skip
    masked = {key for key, value in mask.settings(given).items() if mask.is_masked(value)}
    assert masked == {"api_key", "db", "url", "hfToken", "nodes", "passwords"}
    assert mask.settings(given) == {
        "api_key": "***", "db": {"password": "***", "pin_secret": "***"}, "token": 7, "max_tokens": 5,
        "url": "s3://***@h", "hfToken": "***", "monkey": "b", "key": "c", "tokenizer": "d",
        "nodes": [{"passwd": "***"}, "http://***@h"], "passwords": ["***", "***"], "has_password": True,
        "prompt": "the token: 'x'",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "hidden"),
    [
        ("a/.env b/.env", True), ("a/x/.env.local b/x/.env.local", True), (".env .env", True),
        ("a/prod.env b/prod.env", True), ("a/id_rsa b/id_rsa", True), ('"a/\\303\\274/.env" "b/\\303\\274/.env"', True),
        ('a/.env "b/\\303"', True), ("a/env b/env", False), ("a/.envoy.py b/.envoy.py", False),
        ("a/.env/lib.py b/.env/lib.py", False),
    ],
)  # fmt: skip
def test_files_of_secrets_in_a_diff(header: str, hidden: bool) -> None:
    other = b"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-.env\n+.env\n"
    section = f"diff --git {header}\n@@ -1 +1 @@\n-old\n+{S}\n".encode()
    found = mask.patch(section + other)
    assert found.endswith(other)
    assert (S.encode() in found) is not hidden
    assert mask.patch(section) == (b"" if hidden else section)


def test_no_secret_is_found_below_the_repository(tmp_path: Path) -> None:
    """All that a run keeps of its command, config, code and inputs, as it lies on the disk and as it is read."""
    _checkout(tmp_path)
    (tmp_path / "train.py").write_text(TRAIN)
    words = [
        "run", "--env-allow", "MY_*", "-c", f"api_key={S}1", "-c", f"db.password={S}2", "-c", f"url=https://me:{S}3@host/x",
        "--use-ref", f"https://me:{S}4@host/data?token={S}5", "--", sys.executable, "train.py",
        "--api-key", f"{S}6", f"--token={S}7", f"HF_TOKEN={S}8", f"ftp://me:{S}9@host", f"sh --my-secret {S}10",
        "-H", f"Authorization: Basic {S}11",
    ]  # fmt: skip
    environ = {"PATH": "/usr/bin:/bin", "MY_TOKEN": f"{S}12", "HOME": str(tmp_path)}
    for argv in (
        ["init"],
        words,
        ["run", "start", "-c", f"token={S}13"],
        ["run", "config", "--run", "-1", f"x.secret={S}"],
    ):
        subprocess.run(
            [sys.executable, "-m", "artcli", *argv], cwd=tmp_path, env=environ, check=True, capture_output=True,
            timeout=60,
        )  # fmt: skip
    for path in (tmp_path / ".art").rglob("*"):
        assert not path.is_file() or S.encode() not in path.read_bytes(), path
    repository = Repository.open(tmp_path, tmp_path / ".art")
    shown = b""
    for digest in {row.digest for index in repository.store.indexes for row in index.rows()}:
        shown += repository.store.get(digest)
    repository.close()
    assert b"masked: a/.env" in shown
    assert S.encode() not in shown


TRAIN = """
import artcli, os
settings = "s3cr" + "3t"
run = artcli.init(config={"password": settings + "a", "nested": [{"apiKey": settings + "b"}]})
assert run.config.password == settings + "a"
artcli.log({"loss": 1})
inner = artcli.init(reinit="create_new", config={"url": f"https://u:{settings}c@host", "secret": 12345})
inner.finish()
run.finish()
"""


def _checkout(place: Path) -> None:
    (place / ".env").write_text("PASSWORD=old\n")
    (place / "a.py").write_text("a = 1\n")
    for words in (
        ["init", "-q"], ["add", "-f", ".env", "a.py"],
        ["-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "one"],
        ["remote", "add", "origin", f"https://me:{S}@host/x.git"],
    ):  # fmt: skip
        subprocess.run(["git", *words], cwd=place, check=True)
    (place / ".env").write_text(f"PASSWORD={S}\n")
    (place / "a.py").write_text("a = 2\n")
