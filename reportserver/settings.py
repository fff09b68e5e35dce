"""Every setting, read from the environment once. A wrong or unsafe value stops the start with a sentence naming it."""

from __future__ import annotations

import os
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import quote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from reportserver.environment import (
    database,
    flag,
    folder,
    host,
    in_url,
    one_of,
    positive,
    public_url,
    redis_url,
    server_url,
)
from reportserver.keys import load_keys

BASE_DIR = Path(__file__).resolve().parent.parent
_INSTALLED_RESOURCES = Path(__file__).resolve().parent / "resources"
INSTALLED = _INSTALLED_RESOURCES.is_dir()
#: Templates, static files and the demo: at the top of the repository; inside this package where a wheel was installed.
RESOURCES_DIR = _INSTALLED_RESOURCES if INSTALLED else BASE_DIR
env = environ.Env()

# --- Where things are ---------------------------------------------------------------------------------------------

HOST = host("HOST", "127.0.0.1")
PORT = positive("PORT", 8000, most=65535)
#: Where the web server listens.
ADDRESS = f"{in_url(HOST)}:{PORT}"
_user_data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "reportserver"
DATA_DIR = folder("REPORTSERVER_DATA_DIR", _user_data.expanduser() if INSTALLED else BASE_DIR / "var").resolve()
PUBLIC_URL = public_url("REPORTSERVER_PUBLIC_URL", f"http://{ADDRESS}")
DEMO = flag("REPORTSERVER_DEMO", True)

_public = urlsplit(PUBLIC_URL)
_public_host = in_url(_public.hostname or "")
LOCAL = _public.hostname in ("localhost", "127.0.0.1", "::1")
HTTPS = _public.scheme == "https"

_keys = load_keys(DATA_DIR / "keys", local=LOCAL)
SECRET_KEY = _keys["SECRET_KEY"]
JWT_KEY = _keys["JWT_KEY"]
DATA_KEYS = [_keys["DATA_KEY"], *env.list("REPORTSERVER_DATA_KEY_FALLBACKS", default=[])]
AUDIT_KEY = _keys["AUDIT_KEY"]

DEBUG = False
ALLOWED_HOSTS = sorted({_public_host, "localhost", "127.0.0.1", "[::1]"})
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]

# --- Django -------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "common",
    "accounts",
    "audit",
    "reports",
    "jobs",
    "reportserver",
    "reportserver.admin_config.AdminPagesConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "guardian",
    "django_q",
    "csp",
]

MIDDLEWARE = [
    "reportserver.web.request_log.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "reportserver.web.page_responses.Pages",
]

ROOT_URLCONF = "reportserver.urls"
WSGI_APPLICATION = "reportserver.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [RESOURCES_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [RESOURCES_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
#: The form of a report with a hundred parameters has about 1,500 fields, Django's own limit is 1,000.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

# --- Databases ----------------------------------------------------------------------------------------------------

_SQLITE_OPTIONS = {
    # A transaction that reads and then writes fails at once when another wrote meanwhile, unless it takes the
    # write lock at its start.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "sync_after_commit": True,
    # FULL: a job accepted with 202 survives a power cut. No automatic checkpoints: before SQLite 3.51.3 a checkpoint
    # beside a commit can corrupt the file, so jobs.execution.sqlite_checkpoint runs them while it holds the write lock.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; "
    "PRAGMA cache_size=-20000; PRAGMA journal_size_limit=67108864; PRAGMA wal_autocheckpoint=0;",
}
_POSTGRESQL_OPTIONS = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,
    # A job that was accepted, or a result that was handed out, must survive a crash of the database.
    "options": "-c synchronous_commit=on -c lock_timeout=20s -c idle_in_transaction_session_timeout=20s",
}
_database = database("REPORTSERVER_DATABASE_URL", f"sqlite:///{quote(str(DATA_DIR / 'reportserver.sqlite3'))}")
SQLITE = _database["ENGINE"].endswith("sqlite3")
_database |= {
    "OPTIONS": {**_database.get("OPTIONS", {}), **(_SQLITE_OPTIONS if SQLITE else _POSTGRESQL_OPTIONS)},
    "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": True,
}
_database["ENGINE"] = "reportserver.databases.sqlite" if SQLITE else "reportserver.databases.postgresql"
DATABASES = {"default": _database}
if SQLITE:
    # Counters of calls are written with every call and worth nothing after a crash: in a file of their own they
    # neither wait for the jobs' transactions nor make them wait.
    DATABASES["counters"] = {
        "ENGINE": "reportserver.databases.sqlite",
        "NAME": DATA_DIR / "counters.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 5,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
        },
        "TEST": {"NAME": None},
    }

# --- Queue, workers, artifacts ------------------------------------------------------------------------------------

#: Where messages to workers are; empty: in the database.
BROKER_URL = redis_url("REPORTSERVER_BROKER_URL")
if "://" in os.environ.get("REPORTSERVER_ARTIFACTS_URL", ""):
    raise ImproperlyConfigured("REPORTSERVER_ARTIFACTS_URL must be a folder; other places are not supported yet.")
ARTIFACTS_DIR = folder("REPORTSERVER_ARTIFACTS_URL", DATA_DIR / "artifacts")
WORKERS = positive(
    "REPORTSERVER_WORKERS",
    os.cpu_count() or 1,
    most=max(1000, os.cpu_count() or 1),
    reason="each of them is processes of this host and a connection to the database",
)
#: Seconds. A worker that has not renewed its lease for this long has lost its job.
LEASE_SECONDS = positive("REPORTSERVER_LEASE_SECONDS", 30)
#: Seconds between two heartbeats of a running job, and so the longest a cancel stays unseen.
HEARTBEAT_SECONDS = 2
#: Seconds between two rounds of the reconciler.
RECONCILE_SECONDS = positive("REPORTSERVER_RECONCILE_SECONDS", 5)
#: Seconds that running jobs are given to end when a host stops.
DRAIN_SECONDS = positive("REPORTSERVER_DRAIN_SECONDS", 20)
#: The largest timeout_seconds that a report may ask for.
LONGEST_JOB_SECONDS = positive("REPORTSERVER_LONGEST_JOB_SECONDS", 4 * 3600)
#: Bytes of address space beyond what a worker has, and bytes of one result file.
JOB_MEMORY_BYTES = positive("REPORTSERVER_JOB_MEMORY_MB", 4096) * 1_048_576
JOB_FILE_BYTES = positive("REPORTSERVER_JOB_FILE_MB", 20_480) * 1_048_576
MAX_UNFINISHED_PER_USER = positive("REPORTSERVER_MAX_UNFINISHED_PER_USER", 200)
MAX_UNFINISHED_PER_TENANT = positive("REPORTSERVER_MAX_UNFINISHED_PER_TENANT", 2000)

# --- What leaves the house ----------------------------------------------------------------------------------------

_email_url = server_url(
    "REPORTSERVER_EMAIL_URL",
    ("smtp", "smtp+tls", "smtp+ssl"),
    "must be smtp://, smtp+tls:// or smtp+ssl:// and a server.",
)
EMAIL_CONFIGURED = bool(_email_url)
_email = env.email_url_config(_email_url or "consolemail://")
EMAIL_HOST, EMAIL_PORT = _email["EMAIL_HOST"], _email["EMAIL_PORT"] or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_USER"] or "", _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _email.get("EMAIL_USE_TLS", False), _email.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("REPORTSERVER_EMAIL_FROM", f"reportserver@{_public.hostname}")
#: A larger file is linked to instead of attached.
EMAIL_ATTACHMENT_BYTES = positive("REPORTSERVER_EMAIL_ATTACHMENT_MB", 10) * 1_048_576
FILE_SHARE = Path(env.str("REPORTSERVER_FILE_SHARE")).resolve() if env.str("REPORTSERVER_FILE_SHARE", "") else None
try:
    WEBHOOK_ALLOW = [ip_network(text.strip()) for text in env.list("REPORTSERVER_WEBHOOK_ALLOW", default=[])]
except ValueError as _error:
    raise ImproperlyConfigured(f"REPORTSERVER_WEBHOOK_ALLOW must be networks as 10.1.0.0/16: {_error}.") from None
#: Seconds after which a delivery that nobody finished is sent again; longer than any one send takes.
DELIVERY_LEASE_SECONDS = positive("REPORTSERVER_DELIVERY_LEASE_SECONDS", 90)

# --- The queue ----------------------------------------------------------------------------------------------------

_backstop = LONGEST_JOB_SECONDS + 120
Q_CLUSTER = {
    "name": "reportserver",
    "broker_class": "jobs.queue.broker.RedisBroker" if BROKER_URL else "jobs.queue.broker.DatabaseBroker",
    "workers": WORKERS,
    # One message fetched ahead: a message means nothing but "look for work", so there is nothing to gain by more.
    "queue_limit": 1,
    "poll": 0.1,
    # django-q2 kills a stuck worker only where its countdown reaches 0.0 exactly.
    "guard_cycle": 0.5,
    "timeout": _backstop,
    "retry": 2 * _backstop + 120,
    "max_attempts": 1,
    "save_limit": -1,
    "scheduler": False,
    "catch_up": False,
    "recycle": 100_000,
    "label": "Queue",
}

# --- Users, sessions, tokens --------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "accounts.backends.AdministratorBackend",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
ANONYMOUS_USER_NAME = None
LOGIN_URL = "login"
CSRF_FAILURE_VIEW = "reportserver.errors.csrf_failure"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
X_FRAME_OPTIONS = "DENY"
if flag("REPORTSERVER_BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_KEY,
    "ISSUER": "reportserver",
    "AUDIENCE": "reportserver",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=positive("REPORTSERVER_ACCESS_TOKEN_MINUTES", 15, most=525_600)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=positive("REPORTSERVER_REFRESH_TOKEN_DAYS", 7, most=3650)),
    "AUTH_HEADER_TYPES": ("Bearer",),
}

# --- API ----------------------------------------------------------------------------------------------------------

#: Calls per minute: of a user to the API; to generate and retry; failed sign-ins of one name from one address.
RATE_LIMITS = {
    "api": positive("REPORTSERVER_RATE_API", 3000),
    "generate": positive("REPORTSERVER_RATE_GENERATE", 600),
    "sign_in": positive("REPORTSERVER_RATE_SIGN_IN", 10),
}
#: Requests per web process that may wait for a change of status (`Prefer: wait`) at once.
MAX_WAITERS = 8

#: Processes of the web server, and threads in each.
WEB_PROCESSES = positive("REPORTSERVER_WEB_PROCESSES", 2, most=1000)
WEB_THREADS = positive("REPORTSERVER_WEB_THREADS", 16, most=1000)

#: Seconds that POST run waits for a synchronous report before it answers with the job to poll.
SYNCHRONOUS_WAIT_SECONDS = positive("REPORTSERVER_SYNCHRONOUS_WAIT_SECONDS", 20)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["reportserver.auth.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.api.parsing.BoundedJson"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.api.negotiation.AlwaysJson",
    "DEFAULT_PAGINATION_CLASS": "common.api.pagination.LinkedCursorPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_THROTTLE_CLASSES": ["common.throttling.ApiThrottle"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "reportserver.errors.exception_handler",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Report server",
    "DESCRIPTION": "Ask for a report, poll its job, download the result.",
    "VERSION": "1.0.0",
    # 3.0 has no right way to say that a reference may be null.
    "OAS_VERSION": "3.1.0",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"JobStatus": "jobs.status.Status"},
    "SCHEMA_PATH_PREFIX": "/api/v1",
}

# --- Logs ---------------------------------------------------------------------------------------------------------

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": one_of("REPORTSERVER_LOG_LEVEL", _LEVELS, "INFO")},
    "loggers": {
        # They repeat what reportserver.web.request_log logs, with the paths and traces of refused calls.
        "django.request": {"level": "CRITICAL"},
        # A line for every message that only says "look for work"; jobs.execution.worker logs what is done.
        "django-q": {"level": "WARNING"},
        "django.security": {"level": "CRITICAL"},
    },
}
