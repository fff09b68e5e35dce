"""Every setting, in this order: addresses and folders, secrets, Django, databases, jobs, delivery, audit log,
django-q2, users and sessions, API, logging.

Values that an operator may change come from environment variables and are documented in docs/operations.md. A wrong or
unsafe value stops the start with a sentence that names the variable.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

from reportserver.databases.config import databases, is_sqlite
from reportserver.environment import (
    absolute_folders,
    bracketed,
    choice,
    created_folder,
    database,
    email_server,
    flag,
    folder,
    host,
    networks,
    object_store,
    optional_folder,
    optional_whole_number,
    origins,
    public_url,
    redis_url,
    telemetry,
    text,
    texts,
    token,
    trusted_proxies,
    whole_number,
)
from reportserver.fixed_settings import (  # noqa: F401
    CONTENT_SECURITY_POLICY,
    INSTALLED_APPS,
    MIDDLEWARE,
    REST_FRAMEWORK,
    SPECTACULAR_SETTINGS,
)
from reportserver.keys import load_deployment_id, load_keys
from reportserver.localization.languages import languages
from reportserver.log_format import LEVELS, logging_config
from reportserver.owner import require_owner

# --- Addresses and folders ------------------------------------------------------------------------------------------

BASE_DIR = Path(__file__).resolve().parent.parent
_INSTALLED_RESOURCES = Path(__file__).resolve().parent / "resources"
INSTALLED = _INSTALLED_RESOURCES.is_dir()
#: Templates, static files and the demo: at the top of the repository; inside this package where a wheel was installed.
RESOURCES_DIR = _INSTALLED_RESOURCES if INSTALLED else BASE_DIR
HOST = host("HOST", "127.0.0.1")
PORT = whole_number("PORT", 8000, maximum=65535)
ADDRESS = f"{bracketed(HOST)}:{PORT}"
#: The address that people use.
PUBLIC_URL = public_url("REPORTSERVER_PUBLIC_URL", f"http://{ADDRESS}")
_user_data = Path(text("XDG_DATA_HOME") or "~/.local/share").expanduser() / "reportserver"
DATA_DIR = require_owner(folder("REPORTSERVER_DATA_DIR", _user_data if INSTALLED else BASE_DIR / "var").resolve())
DEMO = flag("REPORTSERVER_DEMO", True)
_public = urlsplit(PUBLIC_URL)
#: True if only this machine uses the server: keys may then be generated.
LOCAL = _public.hostname in ("localhost", "127.0.0.1", "::1")
HTTPS = _public.scheme == "https"
ALLOWED_HOSTS = sorted({bracketed(_public.hostname or ""), "localhost", "127.0.0.1", "[::1]"})
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
#: Proxies that name the address of a client, and whether it used https.
TRUSTED_PROXIES = trusted_proxies("REPORTSERVER_TRUSTED_PROXIES")
#: The older setting, which has the proxies of this machine name the scheme alone.
BEHIND_PROXY = flag("REPORTSERVER_BEHIND_PROXY", False)

# Pages of other origins that may call the API. Without cookies: the API takes tokens only.
CORS_ALLOWED_ORIGINS = origins("REPORTSERVER_CORS_ORIGINS")
CORS_URLS_REGEX = r"^/api/v1/"
CORS_ALLOW_HEADERS = [
    *("accept", "authorization", "content-type", "idempotency-key", "prefer", "x-request-id"),
    *("if-none-match", "if-range", "range"),
]
CORS_EXPOSE_HEADERS = [
    *("Content-Disposition", "Content-Location", "Content-Range", "ETag", "Idempotency-Replayed", "Link", "Location"),
    *("Preference-Applied", "RateLimit", "RateLimit-Policy", "Repr-Digest", "Retry-After", "WWW-Authenticate"),
    "X-Request-ID",
]

# --- Secrets --------------------------------------------------------------------------------------------------------

_keys = load_keys(DATA_DIR / "keys", local=LOCAL)
SECRET_KEY = _keys["SECRET_KEY"]
JWT_KEY = _keys["JWT_KEY"]
#: The first one encrypts; all of them decrypt.
DATA_KEYS = [_keys["DATA_KEY"], *texts("REPORTSERVER_DATA_KEY_FALLBACKS")]
AUDIT_KEY = _keys["AUDIT_KEY"]

# --- Django ---------------------------------------------------------------------------------------------------------

DEBUG = False
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
                "reportserver.web.page_responses.suspension",
            ],
        },
    }
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
LOCALE_PATHS = [RESOURCES_DIR / "locale"]
#: That of the texts in the code, and one for each folder with translations.
LANGUAGES = languages(RESOURCES_DIR / "locale")
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = int(timedelta(days=365).total_seconds())
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = HTTPS
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [RESOURCES_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
# The form that edits a report with a hundred parameters has about 1,500 fields; Django's default limit is 1,000.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

# --- Databases ------------------------------------------------------------------------------------------------------

_database = database("REPORTSERVER_DATABASE_URL", f"sqlite:///{quote(str(DATA_DIR / 'reportserver.sqlite3'))}")
SQLITE = is_sqlite(_database)
DATABASES = databases(_database, counters=DATA_DIR / "counters.sqlite3")
#: The installation that the database belongs to (jobs.deployment). Not among the keys, which a backup contains.
DEPLOYMENT_ID = load_deployment_id(DATA_DIR / "deployment_id", generate=SQLITE)
#: The database of rate limits.
COUNTERS_DATABASE = "counters" if SQLITE else "default"
DATABASE_ROUTERS = ["reportserver.databases.router.CountersRouter"]

# --- Jobs -----------------------------------------------------------------------------------------------------------

#: The Redis server that messages to workers go through; empty: they go through the database.
BROKER_URL = redis_url("REPORTSERVER_BROKER_URL")
#: The object store that keeps result files; empty: they are in a folder.
ARTIFACTS_URL = object_store("REPORTSERVER_ARTIFACTS_URL")
#: The folder of result files; beside an object store, the one in which this host's attempts work.
ARTIFACTS_DIR = (
    created_folder("REPORTSERVER_DATA_DIR", DATA_DIR / "drafts")
    if ARTIFACTS_URL
    else folder("REPORTSERVER_ARTIFACTS_URL", DATA_DIR / "artifacts")
)
#: How many jobs run at once on this host.
WORKERS = whole_number(
    "REPORTSERVER_WORKERS",
    os.cpu_count() or 1,
    maximum=max(1000, os.cpu_count() or 1),
    reason="each takes several processes and a database connection",
)
#: A worker that hasn't renewed its lease for this long has lost its job.
LEASE_SECONDS = whole_number(
    "REPORTSERVER_LEASE_SECONDS",
    30,
    minimum=8,
    reason="a worker renews it every 2 s, and gives up its job 5 s before the lease ends",
)
#: Time between two heartbeats of a running job; a cancellation is noticed after this time at the latest.
HEARTBEAT_SECONDS = 2
#: Time between two rounds of the reconciler.
RECONCILE_SECONDS = whole_number("REPORTSERVER_RECONCILE_SECONDS", 5)
#: Time that running jobs are given to finish when a host stops.
DRAIN_SECONDS = whole_number("REPORTSERVER_DRAIN_SECONDS", 20)
#: The largest timeout_seconds of a report.
LONGEST_JOB_SECONDS = whole_number("REPORTSERVER_LONGEST_JOB_SECONDS", 4 * 3600)
#: Address space that a job may use on top of its worker's; its largest file; the most rows that are kept beside it.
JOB_MEMORY_BYTES = whole_number("REPORTSERVER_JOB_MEMORY_MB", 4096) * 1_048_576
JOB_FILE_BYTES = whole_number("REPORTSERVER_JOB_FILE_MB", 20_480) * 1_048_576
KEEP_ROWS = whole_number("REPORTSERVER_KEEP_ROWS", 100_000, minimum=0, maximum=10_000_000)
JOB_NICENESS = 10  # How far a job lowers its priority, from 0 to 19: nice(1).
#: Days after which jobs and audit entries are archived; 0: never.
HISTORY_DAYS = whole_number("REPORTSERVER_HISTORY_DAYS", 400, minimum=0, maximum=36_500)
MAX_UNFINISHED_PER_USER = whole_number("REPORTSERVER_MAX_UNFINISHED_PER_USER", 200)
MAX_UNFINISHED_PER_TENANT = whole_number("REPORTSERVER_MAX_UNFINISHED_PER_TENANT", 2000)
#: Jobs that run at once, on all hosts together. None: one less than there are slots.
MAX_RUNNING_PER_USER = optional_whole_number("REPORTSERVER_MAX_RUNNING_PER_USER")
MAX_RUNNING_PER_TENANT = optional_whole_number("REPORTSERVER_MAX_RUNNING_PER_TENANT")

# --- Data sources ---------------------------------------------------------------------------------------------------

#: Where the files of data sources must lie that no definitions file has set.
SOURCE_FOLDERS = absolute_folders("REPORTSERVER_SOURCE_FOLDERS")
#: Where uploaded files are kept. Sources of uploads alone read from it.
UPLOADS_DIR = folder("REPORTSERVER_UPLOADS_DIR", DATA_DIR / "uploads").resolve()
#: The largest file that can be uploaded, 0 for none; and what all files of a tenant may take together.
UPLOAD_BYTES = whole_number("REPORTSERVER_UPLOAD_MB", 100, minimum=0, maximum=2_000) * 1_048_576
UPLOADS_BYTES_OF_TENANT = whole_number("REPORTSERVER_UPLOADS_MB_OF_TENANT", 2_000) * 1_048_576
FILE_UPLOAD_HANDLERS = [
    "reportserver.web.upload_limit.UploadLimit",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
#: Where no data source's files may lie.
PROTECTED_PATHS = [DATA_DIR, ARTIFACTS_DIR, UPLOADS_DIR, *([Path(_database["NAME"])] if SQLITE else [])]

# --- Delivery by mail, file share and webhook -----------------------------------------------------------------------

_email = email_server("REPORTSERVER_EMAIL_URL")
#: False if no mail server is configured.
EMAIL_CONFIGURED = bool(_email)
EMAIL_HOST = _email.get("EMAIL_HOST", "")
EMAIL_PORT = _email.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _email.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _email.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = _email.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _email.get("EMAIL_USE_SSL", False)
EMAIL_BACKEND = "jobs.delivery.senders.smtp.EmailBackend"
#: Seconds for each reply of the mail server, except the one after the message.
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = text("REPORTSERVER_EMAIL_FROM", f"reportserver@{_public.hostname}")
#: What a file may take of a message, in which it is a third larger. A larger one is not attached but linked to.
EMAIL_ATTACHMENT_BYTES = whole_number("REPORTSERVER_EMAIL_ATTACHMENT_MB", 10) * 1_048_576
FILE_SHARE = Path(_file_share).resolve() if (_file_share := text("REPORTSERVER_FILE_SHARE")) else None
#: Private networks that webhooks may call.
WEBHOOK_ALLOW = networks("REPORTSERVER_WEBHOOK_ALLOW")
#: A delivery whose process has ended is sent again after this time. While a delivery is sent, its lease is renewed.
#: Times in a row that a schedule can't be run before it pauses. 0: it goes on.
SCHEDULE_FAILURES = whole_number("REPORTSERVER_SCHEDULE_FAILURES", 5, minimum=0, maximum=32_767)
DELIVERY_LEASE_SECONDS = whole_number("REPORTSERVER_DELIVERY_LEASE_SECONDS", 90)
#: To the recipients of one schedule that bursts.
BURST_DELIVERIES_PER_MINUTE = whole_number("REPORTSERVER_BURST_DELIVERIES_PER_MINUTE", 600, maximum=60_000)

# --- Audit log ------------------------------------------------------------------------------------------------------

#: The folder of the file that keeps the end of the log outside the database.
AUDIT_HEADS_DIR = DATA_DIR / "keys"
#: A folder that all hosts share, in which each of them keeps a second copy.
AUDIT_HEADS_FOLDER = optional_folder("REPORTSERVER_AUDIT_HEADS_FOLDER")
#: Whether the end of the log is also written to the server's own log at each change.
AUDIT_HEADS_LOG = flag("REPORTSERVER_AUDIT_HEADS_LOG", False)
#: A larger file of heads is compacted.
AUDIT_HEADS_LARGE_BYTES = 1 << 20
#: Entries that verification and export read at once.
AUDIT_BATCH_ENTRIES = 1000

# --- django-q2 ------------------------------------------------------------------------------------------------------

_backstop = LONGEST_JOB_SECONDS + 120
Q_CLUSTER = {
    "name": "reportserver",
    "broker_class": "jobs.queue.redis_broker.RedisBroker" if BROKER_URL else "jobs.queue.broker.DatabaseBroker",
    "workers": WORKERS,
    # One message fetched ahead. A message only says "look for a job", so fetching more gains nothing.
    "queue_limit": 1,
    "poll": 0.1,
    # django-q2 kills a stuck worker only when its countdown reaches exactly 0.0, which steps of 0.5 reach.
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

# --- Users and sessions ---------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "accounts.backends.AdministratorBackend",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = ["reportserver.auth.hashing.BoundedArgon2PasswordHasher"]
#: How many passwords this host hashes at a time.
PASSWORD_HASHES = whole_number(
    "REPORTSERVER_PASSWORD_HASHES", 2, maximum=100, reason="each takes 100 MB of memory and a core"
)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
ANONYMOUS_USER_NAME = None
LOGIN_URL = "login"
CSRF_FAILURE_VIEW = "reportserver.error_responses.csrf_failure"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
SESSION_ENGINE = "reportserver.auth.sessions"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0

SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_KEY,
    "ISSUER": "reportserver",
    "AUDIENCE": "reportserver",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=whole_number("REPORTSERVER_ACCESS_TOKEN_MINUTES", 15, maximum=525_600)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=whole_number("REPORTSERVER_REFRESH_TOKEN_DAYS", 7, maximum=3650)),
    "AUTH_HEADER_TYPES": ("Bearer",),
}

# --- Pages ----------------------------------------------------------------------------------------------------------

#: Newest jobs on which a search without an index is tested, and older ones in each further request of the page.
SEARCH_SCAN_LIMIT = 1_000
SEARCH_OLDER_SCAN_LIMIT = 5_000
#: Jobs that a bulk action processes before its progress is recorded.
BULK_ACTION_BATCH = 25
#: Seconds that a request works on a bulk action: the first one, and those of the page that shows the progress.
BULK_ACTION_FIRST_SECONDS, BULK_ACTION_STEP_SECONDS = 0.3, 1.0

# --- API ------------------------------------------------------------------------------------------------------------

#: Per minute: calls of one user; of these, calls that create a job; failed sign-ins of one name from one address;
#: failed sign-ins from one address; names for users that weren't available; pages of one user.
RATE_LIMITS = {
    "api": whole_number("REPORTSERVER_RATE_API", 3000),
    "generate": whole_number("REPORTSERVER_RATE_GENERATE", 600),
    "sign_in": whole_number("REPORTSERVER_RATE_SIGN_IN", 10),
    "sign_in_address": whole_number("REPORTSERVER_RATE_SIGN_IN_ADDRESS", 100),
    # Of one address, at identity providers.
    "sign_in_provider": 100,
    "names": 20,
    # Of one address, for download links.
    "link": 60,
    "page": whole_number("REPORTSERVER_RATE_PAGE", 1200),
}
#: What Prometheus sends to read /metrics and the details of /readyz. Empty: nobody reads them.
METRICS_TOKEN = token("REPORTSERVER_METRICS_TOKEN")
#: Processes of the web server, and threads in each.
WEB_PROCESSES = whole_number("REPORTSERVER_WEB_PROCESSES", 2, maximum=1000)
WEB_THREADS = whole_number("REPORTSERVER_WEB_THREADS", 16, maximum=1000)
#: A client that sends or reads nothing for this long, in the middle of a request or an answer, loses its connection.
SOCKET_SECONDS = whole_number("REPORTSERVER_SOCKET_SECONDS", 30, maximum=3600)
#: Results that one user may download at once from this host.
MAX_DOWNLOADS_PER_USER = whole_number("REPORTSERVER_MAX_DOWNLOADS_PER_USER", 16, maximum=1000)
#: Status calls with `Prefer: wait` that may wait at once in each process. Each of them occupies a thread.
MAX_WAITERS = 8
#: Seconds that the preview of a designed document may take, and that it waits for other previews to end.
DOCUMENT_PREVIEW_SECONDS = 15
DOCUMENT_PREVIEW_WAIT_SECONDS = 5
#: Checks, previews and estimates that run at once on this host, each in a process of up to 1 GB.
MAX_DRY_RUNS = whole_number("REPORTSERVER_MAX_DRY_RUNS", 4, maximum=1000)
#: How long POST run waits for a synchronous report before it answers with the job to poll.
SYNCHRONOUS_WAIT_SECONDS = whole_number("REPORTSERVER_SYNCHRONOUS_WAIT_SECONDS", 20)

# --- Logging --------------------------------------------------------------------------------------------------------

#: Whether traces and metrics are sent to an OpenTelemetry collector, which OTEL_EXPORTER_OTLP_ENDPOINT names.
TELEMETRY = telemetry("REPORTSERVER_OTEL")
#: Whether `serve` writes the logs of its programs to files, and how large one may become; 0: any size.
LOG_FILES = flag("REPORTSERVER_LOG_FILES", True)
LOG_BYTES = whole_number("REPORTSERVER_LOG_MB", 100, minimum=0, maximum=100_000) * 1_048_576
LOGGING = logging_config(choice("REPORTSERVER_LOG_LEVEL", LEVELS, "INFO"))
