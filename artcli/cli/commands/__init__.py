"""The commands, by group: name and what it does in one line. A command's code is the file of its name here.

Nothing is imported before a command is used. A new command is a new file and a line in this table.
"""

from __future__ import annotations

from collections.abc import Mapping

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Repository": {
        "init": "make a repository in a directory",
        "demo": "make a small repository to play with",
        "config": "read and change settings",
        "status": "show what changed in the directories that hold versions",
    },
    "Artifacts": {
        "log-artifact": "make a version of a directory or file",
        "use": "bring a version into a directory, verified",
        "get": "copy a version, a folder or a file of one",
        "cat": "print the bytes of a file in a version",
        "export": "write a version as a tar or zip archive",
        "verify": "compare every byte of a version or directory",
        "diff": "show what differs between versions or directories",
        "ls": "list artifacts, versions, files",
        "show": "show what is known of a version, file or change",
        "alias": "let names lead to versions",
        "tag": "put labels on versions",
        "edit": "change descriptions, notes, metadata, names",
        "rm": "send versions to the trash",
        "restore": "bring versions back from the trash",
    },
    "Runs": {
        "run": "run a command and record it, or begin and end a run",
        "log-metrics": "log metrics, images and files in a run",
        "runs": "list runs, or groups of them with their best values",
        "compare": "show runs side by side, or charts of a metric",
    },
    "Lineage": {
        "graph": "draw which runs used and made which versions",
        "why": "say how a version came to be, and how it did",
        "which": "tell which version a file or directory is",
        "reproduce": "do again what made a version, or write down how",
    },
    "Other places": {
        "remote": "name places that share this history",
        "push": "bring what is here to another place",
        "fetch": "learn what is in another place",
        "pull": "bring what is in another place here",
        "clone": "make a repository of what is in another place",
        "login": "keep a token for a server; else none is needed",
        "logout": "forget the token for a server",
        "whoami": "say as whom this machine acts, and where",
        "copy": "bring what is in one place to another, past this one",
        "sync": "push and fetch, once or again and again",
        "bundle": "write versions into one file, to be carried",
        "serve": "serve a repository to other machines",
        "token": "say who may read and write at a server",
    },
    "History": {
        "log": "show what happened, newest first",
        "audit": "list who changed what, from what to what",
        "undo": "take back the last command, or one change",
    },
    "Queries": {
        "query": "ask the repository in SQL",
        "search": "find words in notes, metadata and logs",
    },
    "Maintenance": {
        "fsck": "find damage, say what it touches, repair it",
        "gc": "free the disk space of what no version needs",
        "du": "show what versions and runs take, and what they share",
    },
    "Help": {
        "help": "explain a command, a topic or an error",
    },
}

COMMANDS: Mapping[str, str] = {name: text for group in GROUPS.values() for name, text in group.items()}

COMMON = (
    "init", "log-artifact", "use", "get", "ls", "show", "log", "diff", "run", "runs", "graph", "status", "verify",
    "help",
)  # fmt: skip
"""What `art` alone lists."""

THROUGH_A_URL = frozenset({"audit", "cat", "du", "fsck", "gc", "get", "help", "log", "ls", "show", "verify"})
"""Those that work on another place: `art -C URL ls`."""

ELSEWHERE: Mapping[str, str] = {
    "put": "art log-artifact NAME PATH",
    "add": "art log-artifact NAME PATH",
    "commit": "art log-artifact NAME PATH",
    "upload": "art log-artifact NAME PATH",
    "save": "art log-artifact NAME PATH",
    "backup": "art log-artifact NAME PATH",
    "checkout": "art use REF",
    "switch": "art use REF",
    "download": "art get REF DIRECTORY",
    "cp": "art get REF DIRECTORY",
    "list": "art ls",
    "history": "art log NAME",
    "info": "art show REF",
    "describe": "art show REF",
    "inspect": "art show REF",
    "check": "art verify REF",
    "delete": "art rm REF",
    "remove": "art rm REF",
    "undelete": "art restore REF",
    "mv": "art edit NAME --rename NEW",
    "rename": "art edit NAME --rename NEW",
    "label": "art tag REF TAG",
    "revert": "art undo",
    "archive": "art export REF --format tar -o FILE",
    "prune": "art gc",
    "clean": "art gc",
    "repack": "art gc",
    "create": "art init",
    "settings": "art config list",
    "man": "art help",
    "version": "art --version",
    "identify": "art which PATH",
    "find": "art search TEXT",
    "grep": "art search TEXT",
    "sql": "art query SQL",
    "lineage": "art graph REF --explode",
    "dag": "art graph --explode",
    "tree": "art graph --explode",
    "used-by": "art show REF --field used_by",
    "explain": "art why REF",
    "blame": "art why REF",
}
"""Words of other tools, and what to type instead."""
