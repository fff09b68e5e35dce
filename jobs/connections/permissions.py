"""Who may see, change and use connections."""

from __future__ import annotations

from accounts.models import User
from jobs.connections.models import Connection


def connection_to_manage(user: User, key: str) -> Connection:
    """Return the connection. Raises ConnectionNotFound or, for others than Administrators, PermissionDenied."""
    connection = Connection.objects.find(user, key)
    user.check_administers(connection.tenant_id)
    return connection
