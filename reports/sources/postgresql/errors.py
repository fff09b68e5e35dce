"""What PostgreSQL and its client library say when something fails, in the words of a report's author."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from reports.exceptions import QueryFailed, QueryTimeout, RunError, SourceUnavailable, SourceUnusable
from reports.sources import failures
from reports.sources.failures import Deadline, failure

#: What a URL may set. Others, as `service`, `passfile`, `sslkey` or `options`, read files or undo what keeps us safe.
_URL_SETTINGS = {"sslmode", "connect_timeout", "target_session_attrs", "sslrootcert", "channel_binding", "gssencmode"}
_CONNECT_TIMEOUT_SECONDS = 10
_KEEPALIVE = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}

#: By SQLSTATE, or its first two characters.
_BY_STATE = {
    "42P01": failures.NO_SUCH_NAME,
    "42703": failures.NO_SUCH_NAME,
    "3F000": failures.NO_SUCH_NAME,
    "42883": failures.NO_SUCH_FUNCTION,
    "42501": failures.NO_PERMISSION,
    "25006": failures.NOT_READING,
    "42601": failures.BAD_SYNTAX,
    "22": failures.BAD_VALUE,
    "53200": failures.NO_MEMORY,
    "53400": failures.NO_MEMORY,
}
_BY_TEXT = (
    ("division by zero", failures.BAD_VALUE),
    ("invalid input syntax", failures.BAD_VALUE),
    ("out of range", failures.BAD_VALUE),
    ("read-only transaction", failures.NOT_READING),
    ("transaction read-write mode", failures.NOT_READING),
    ("permission denied", failures.NO_PERMISSION),
    ("out of memory", failures.NO_MEMORY),
    ("temporary file size exceeds", failures.NO_MEMORY),
)
_TIMEOUT = ("57014", ("statement timeout", "user request"))
_AGAIN = ("08", "40", "53300", "55P03", "57P")
_AGAIN_TEXT = (
    "server closed the connection", "terminating connection", "could not receive data", "connection reset",
    "no connection to the server", "deadlock detected", "lock timeout", "could not serialize", "connection timed out",
    "conflict with recovery", "ssl connection has been closed", "ssl syscall error",
)  # fmt: skip
#: Trying again would not help: somebody has to change the URL, the password or the server.
_REFUSED_TEXT = (
    "authentication failed", "does not exist", "pg_hba.conf", "no password supplied", "permission denied",
    "invalid uri", "invalid port", "invalid integer", "invalid sslmode", "does not support ssl", "certificate",
)  # fmt: skip


def checked_url(url: str, seconds: float = _CONNECT_TIMEOUT_SECONDS) -> str:
    """The URL with our own timeouts. Raises SourceUnusable for a setting that is not allowed."""
    try:
        parts = urlsplit(url)
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise SourceUnusable("The data source's URL cannot be read.") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise SourceUnusable("The data source's URL has to begin with postgresql://.")
    if parts.fragment:
        raise SourceUnusable("The data source's URL holds a #. In a name or password it is written %23.")
    forbidden = sorted(given.keys() - _URL_SETTINGS)
    if forbidden:
        raise SourceUnusable(f"The data source's URL may not set: {', '.join(forbidden)[:200]}.")
    settings = _KEEPALIVE | {"connect_timeout": str(int(min(seconds, _CONNECT_TIMEOUT_SECONDS)))} | given
    return urlunsplit(parts._replace(query=urlencode(settings, quote_via=quote)))


def connection_error(error: Exception, url: str) -> RunError:
    text = _without_password(str(error), url)
    if any(fragment in text.lower() for fragment in _REFUSED_TEXT):
        return failure(SourceUnusable, "The data source does not let the report server in.", text)
    return failure(SourceUnavailable, None, text)


def query_error(error: Exception, deadline: Deadline) -> RunError:
    """While rows stream there is no SQLSTATE, only the server's text: then the text decides."""
    state, text = getattr(error, "sqlstate", None) or "", str(error)
    lowered = text.lower()
    if state == _TIMEOUT[0] or deadline.passed or any(fragment in lowered for fragment in _TIMEOUT[1]):
        return failure(QueryTimeout, None, text)
    if state.startswith(_AGAIN) or any(fragment in lowered for fragment in _AGAIN_TEXT):
        return failure(SourceUnavailable, None, text)
    sentence = _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or failures.first_match(text, _BY_TEXT)
    return failure(QueryFailed, sentence, text)


def _without_password(text: str, url: str) -> str:
    """libpq does not repeat passwords, but quotes the part of a URL that it could not read."""
    userinfo = url.partition("://")[2].rpartition("@")[0]
    for secret in (userinfo, userinfo.partition(":")[2], unquote(userinfo.partition(":")[2])):
        text = text.replace(secret, "***") if secret else text
    return text
