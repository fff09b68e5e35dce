"""Sessions of pages, whose end the database's clock decides.

Django compares with the clock of the host: one whose clock is a month ahead would sign everybody out, and the sessions
that one a month behind makes would have ended everywhere else.
"""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import db

from jobs.clock import Now, from_now


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Any:
        session = self.model.objects.filter(session_key=self.session_key, expire_date__gt=Now()).first()
        if session is None:
            self._session_key = None
        return session

    def create_model_instance(self, data: Any) -> Any:
        session = super().create_model_instance(data)
        session.expire_date = from_now(self.get_expiry_age())
        return session
