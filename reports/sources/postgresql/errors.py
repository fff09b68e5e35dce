"""Connection URLs of PostgreSQL, and its errors in sentences for the author of a report."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from reports.exceptions import QueryFailed, QueryTimeout, RunError, SourceUnavailable, SourceUnusable
from reports.sources import errors
from reports.sources.deadline import Deadline
from reports.sources.errors import run_error

#: Parameters that a URL can set. Others, such as `service`, `passfile`, `sslkey` or `options`, read files or undo our
#: protections.
_URL_SETTINGS = {"sslmode", "connect_timeout", "target_session_attrs", "sslrootcert", "channel_binding", "gssencmode"}
_CONNECT_TIMEOUT_SECONDS = 10
_KEEPALIVE = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}

#: By SQLSTATE or its class, the first two characters (PostgreSQL manual, appendix A).
_SENTENCE_BY_STATE = {
    "42P01": errors.NO_SUCH_NAME,
    "42703": errors.NO_SUCH_NAME,
    "3F000": errors.NO_SUCH_NAME,
    "42883": errors.NO_SUCH_FUNCTION,
    "42501": errors.NO_PERMISSION,
    "25006": errors.NOT_READ_ONLY,
    "42601": errors.BAD_SYNTAX,
    "22": errors.BAD_VALUE,
    "53200": errors.NO_MEMORY,
    "53400": errors.NO_MEMORY,
}
_SENTENCES = (
    ("division by zero", errors.BAD_VALUE),
    ("invalid input syntax", errors.BAD_VALUE),
    ("out of range", errors.BAD_VALUE),
    ("read-only transaction", errors.NOT_READ_ONLY),
    ("transaction read-write mode", errors.NOT_READ_ONLY),
    ("permission denied", errors.NO_PERMISSION),
    ("out of memory", errors.NO_MEMORY),
    ("temporary file size exceeds", errors.NO_MEMORY),
)
_CANCELED_STATE = "57014"
_CANCELED_TEXTS = ("statement timeout", "user request")
#: Errors after which another attempt may succeed.
_TRANSIENT_STATES = ("08", "40", "53300", "55P03", "57P")
_TRANSIENT_TEXTS = (
    "server closed the connection", "terminating connection", "could not receive data", "connection reset",
    "no connection to the server", "deadlock detected", "lock timeout", "could not serialize", "connection timed out",
    "conflict with recovery", "ssl connection has been closed", "ssl syscall error",
)  # fmt: skip
#: Errors that remain until somebody changes the URL, the password or the server.
_REFUSED_TEXTS = (
    "authentication failed", "does not exist", "pg_hba.conf", "no password supplied", "permission denied",
    "invalid uri", "invalid port", "invalid integer", "invalid sslmode", "does not support ssl", "certificate",
)  # fmt: skip


def checked_url(url: str, seconds: float = _CONNECT_TIMEOUT_SECONDS) -> str:
    """The URL with our timeouts. Raises SourceUnusable for a setting that is not allowed."""
    try:
        parts = urlsplit(url)
        settings = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise SourceUnusable("The data source's URL is not valid.") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise SourceUnusable("The data source's URL must start with postgresql://.")
    if parts.fragment:
        raise SourceUnusable("The data source's URL contains a #. In a name or password, write it as %23.")
    forbidden = sorted(settings.keys() - _URL_SETTINGS)
    if forbidden:
        raise SourceUnusable(f"The data source's URL must not set: {', '.join(forbidden)[:200]}.")
    connect_timeout = str(int(min(seconds, _CONNECT_TIMEOUT_SECONDS)))
    settings = {**_KEEPALIVE, "connect_timeout": connect_timeout, **settings}
    return urlunsplit(parts._replace(query=urlencode(settings, quote_via=quote)))


def connection_error(error: Exception, url: str) -> RunError:
    """Why there is no connection, without the password."""
    text = str(error)
    # libpq never repeats a password, but quotes the part of a URL that it could not read.
    userinfo = url.partition("://")[2].rpartition("@")[0]
    password = userinfo.partition(":")[2]
    for secret in (userinfo, password, unquote(password)):
        if secret:
            text = text.replace(secret, "***")
    if any(fragment in text.lower() for fragment in _REFUSED_TEXTS):
        return run_error(SourceUnusable, "The data source denied access to the report server.", text)
    return run_error(SourceUnavailable, None, text)


def query_error(error: Exception, deadline: Deadline) -> RunError:
    """Translate by SQLSTATE or, while rows stream and there is none, by the server's text."""
    state, text = getattr(error, "sqlstate", None) or "", str(error)
    lowered = text.lower()
    if state == _CANCELED_STATE or deadline.passed or any(fragment in lowered for fragment in _CANCELED_TEXTS):
        return run_error(QueryTimeout, None, text)
    if state.startswith(_TRANSIENT_STATES) or any(fragment in lowered for fragment in _TRANSIENT_TEXTS):
        return run_error(SourceUnavailable, None, text)
    sentence = (
        _SENTENCE_BY_STATE.get(state) or _SENTENCE_BY_STATE.get(state[:2]) or errors.sentence_for(text, _SENTENCES)
    )
    return run_error(QueryFailed, sentence, text)
