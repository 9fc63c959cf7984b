"""All paths of a server, with who answers and the scope that it needs."""

from __future__ import annotations

from artcli.web import files, making
from artcli.web.app import Routes, Way
from artcli.web.doorway import DOORWAY
from artcli.web.guard import READ, WRITE
from artcli.web.pages.browsing import PAGES

ROUTES: Routes = {
    **DOORWAY,
    **PAGES,
    "/files/": {
        "GET": Way(files.get, READ),
        "HEAD": Way(files.get, READ),
        "PUT": Way(making.put, WRITE),
        "POST": Way(making.put, WRITE),
    },
    "/drafts": {"POST": Way(making.begin, WRITE)},
    "/drafts/": {"GET": Way(making.about, WRITE), "PUT": Way(making.add, WRITE), "POST": Way(making.commit, WRITE)},
}
