"""All paths of a server, with who answers and the scope that it needs."""

from __future__ import annotations

from artcli.web import files, making
from artcli.web.app import Routes
from artcli.web.doorway import DOORWAY
from artcli.web.guard import READ, WRITE

ROUTES: Routes = {
    **DOORWAY,
    "/files/": {
        "GET": (files.get, READ),
        "HEAD": (files.get, READ),
        "PUT": (making.put, WRITE),
        "POST": (making.put, WRITE),
    },
    "/drafts": {"POST": (making.begin, WRITE)},
    "/drafts/": {"GET": (making.about, WRITE), "PUT": (making.add, WRITE), "POST": (making.commit, WRITE)},
}
