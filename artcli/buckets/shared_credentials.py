"""What `aws configure` wrote: keys, region and endpoint of a profile, for an S3 store where no variable has them.

Files: ~/.aws/credentials and ~/.aws/config, or those of AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE; the profile is
that of AWS_PROFILE, or `default`. Keys that a program fetches (SSO, roles) are not followed: those are for variables.
"""

from __future__ import annotations

import os
from configparser import ConfigParser, Error
from pathlib import Path

FETCHED = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
           "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_SKIP_SIGNATURE")  # fmt: skip
"""Variables that say where the keys are, or that none are needed; then the files' are not taken."""

_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def found() -> dict[str, str]:
    """Options of obstore's S3 store: `access_key_id`, `secret_access_key`, `token`, `region`, `endpoint`."""
    profile = os.environ.get("AWS_PROFILE", "default")
    secret = _section("AWS_SHARED_CREDENTIALS_FILE", "credentials", profile)
    section = profile if profile == "default" else f"profile {profile}"
    told = {**_section("AWS_CONFIG_FILE", "config", section), **secret}
    options = {}
    if not any(os.environ.get(name) for name in FETCHED) and told.get(_KEYS[0]):
        names = ("access_key_id", "secret_access_key", "token")
        options = {name: told[key] for name, key in zip(names, _KEYS, strict=True) if told.get(key)}
    if told.get("region") and not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        options["region"] = told["region"]
    if told.get("endpoint_url"):
        options["endpoint"] = told["endpoint_url"]
    return options


def _section(variable: str, name: str, section: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(os.environ.get(variable) or Path.home() / ".aws" / name, encoding="utf-8")
    except (Error, OSError, UnicodeDecodeError, RuntimeError):
        return {}  # another program's file: whoever needs it is told that there are no credentials
    return dict(parser[section]) if parser.has_section(section) else {}
