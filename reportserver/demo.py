"""The demo: its definitions on a first start, passwords of this installation, and the walk that is printed."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from django.conf import settings

from accounts.models import Tenant
from audit.actions import SYSTEM
from reports import actions
from reports.definitions import files

DEFINITIONS = Path(settings.RESOURCES_DIR) / "demo" / "definitions.yaml"
_PEOPLE = ("admin", "analyst", "outsider")

WALK = """\
Report server at {url}

  Sign in on the web page   {url}/login
    as Administrator        admin     {admin}
    as an ordinary user     analyst   {analyst}

  Or paste this into another terminal: it asks for a report, waits for it, and downloads it.

    API={url}/api/v1
    TOKEN=$(curl -s $API/auth/token -H 'Content-Type: application/json' \\
      -d '{{"username": "analyst", "password": "{analyst}"}}' | sed 's/.*"access":"\\([^"]*\\)".*/\\1/')
    JOB=$(curl -s -X POST $API/reports/busiest-routes/generate -H "Authorization: Bearer $TOKEN" \\
      -H 'Content-Type: application/json' -d '{{"parameters": {{"top": 10}}, "format": "csv"}}' \\
      | sed 's/.*"statusUrl":"\\([^"]*\\)".*/\\1/')
    until curl -s $JOB -H "Authorization: Bearer $TOKEN" | tee /dev/stderr | grep -qE '"status":"(Succeeded|Failed)"'
      do sleep 1; done; echo
    curl -s $JOB/result -H "Authorization: Bearer $TOKEN"

  API documentation: {url}/api/docs    Logs: {logs}    Stop: Ctrl-C
"""


def install() -> bool:
    """Load the demo's tenants, people, sources and reports, unless they were loaded before. Whether it did."""
    if Tenant.objects.filter(slug="demo").exists():
        return False
    os.environ |= {f"REPORTSERVER_DEMO_{name.upper()}_PASSWORD": word for name, word in passwords().items()}
    actions.apply(definitions=files.load([DEFINITIONS]).definitions, actor=SYSTEM)
    return True


def passwords() -> dict[str, str]:
    """Password by user name; made at random on the first call and kept in the data folder."""
    path = Path(settings.DATA_DIR) / "demo-passwords.json"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(json.dumps({name: secrets.token_urlsafe(9) for name in _PEOPLE}))
    stored: dict[str, str] = json.loads(path.read_text())
    return stored


def walk() -> str:
    """What a new user does first, ready to paste."""
    return WALK.format(url=settings.PUBLIC_URL, logs=Path(settings.DATA_DIR) / "logs", **passwords())
