"""The WSGI application that gunicorn serves."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application
from django.db import connections

from reportserver.web.chunked_bodies import ChunkedBodies
from reportserver.web.client_address import ClientAddress
from reportserver.web.client_socket import BlockBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reportserver.settings")
_django = get_wsgi_application()
from reportserver.web.status_calls import StatusCalls  # noqa: E402 - needs the models, which Django has loaded now

application = BlockBodies(ClientAddress(StatusCalls(ChunkedBodies(_django))))
# Only for calls: a command such as a migration may wait longer for the database.
connections.settings["default"]["RESPONSE_TIMEOUT_SECONDS"] = 60
