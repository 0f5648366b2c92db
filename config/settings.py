"""Django's settings, from the environment alone (config/env.py)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONCE, NONE, SELF

from config import database_roles, env
from config.database_outage_detection import fail_waiting
from config.sign_in.providers_file import OpenIDProvider

BASE_DIR = env.BASE_DIR
DEBUG = env.value("ANNUNCIATOR_DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY") or env.kept_secret("secret", "text")
CREDENTIAL_KEYS = env.value("CREDENTIAL_KEYS", []) or [env.kept_secret("credentials", "fernet")]

PORT: int = env.value("PORT", 8000)
LIVE_PORT: int = env.value("LIVE_PORT", PORT + 1)
LIVE_URL: str = env.value("LIVE_URL", "")
IS_DEMO = env.value("ANNUNCIATOR_DEMO", True)
IS_SECURE = env.value("ANNUNCIATOR_SECURE", False)
DEMO_PORT: int = env.value("ANNUNCIATOR_DEMO_PORT", 8101)
DEMO_SITES = frozenset(  # where the simulated providers answer
    f"http://{env.text('ANNUNCIATOR_DEMO_HOST', '127.0.0.1')}:{port}"
    for port in range(DEMO_PORT, DEMO_PORT + 4)
    if IS_DEMO
)
TRUSTED_PROXIES = env.value("ANNUNCIATOR_TRUSTED_PROXIES", []) or (
    ["127.0.0.0/8", "::1/128"] if IS_SECURE else []  # a proxy on this machine
)
ANNUNCIATOR_ALLOWED_NETWORKS = env.value("ANNUNCIATOR_ALLOWED_NETWORKS", []) or (
    [f"127.0.0.0/8:{DEMO_PORT}-{DEMO_PORT + 3}"] if IS_DEMO else []  # they listen on this machine
)
ANNUNCIATOR_PACE = env.value("ANNUNCIATOR_PACE", 1.0)
ANNUNCIATOR_LEASE = timedelta(seconds=env.value("ANNUNCIATOR_LEASE_SECONDS", 90.0))
ANNUNCIATOR_OVERDUE_FACTOR = env.value("ANNUNCIATOR_OVERDUE_FACTOR", 2.0)
ANNUNCIATOR_OVERDUE_FLOOR = timedelta(seconds=env.value("ANNUNCIATOR_OVERDUE_SECONDS", 60.0))
ANNUNCIATOR_METRICS_TOKEN = env.text("ANNUNCIATOR_METRICS_TOKEN")
ANNUNCIATOR_UNDO = timedelta(seconds=env.value("ANNUNCIATOR_UNDO_SECONDS", 10))
ANNUNCIATOR_KEY_DAYS = env.value("ANNUNCIATOR_KEY_DAYS", 365)
ANNUNCIATOR_KEEP_DAYS = env.value("ANNUNCIATOR_KEEP_DAYS", 400)
ALLOWED_HOSTS = env.value("ANNUNCIATOR_ALLOWED_HOSTS", []) or env.own_hosts()
ANNUNCIATOR_SITE_URL = env.value("ANNUNCIATOR_SITE_URL", "").rstrip("/") or (
    f"https://{ALLOWED_HOSTS[0]}" if IS_SECURE else f"http://{env.site_host(ALLOWED_HOSTS)}:{PORT}"
)
OPENID_PROVIDERS: tuple[OpenIDProvider, ...] = env.value("ANNUNCIATOR_SIGN_IN", ())
LOCAL_SIGN_IN: bool = env.value("ANNUNCIATOR_LOCAL_SIGN_IN", True)
if not LOCAL_SIGN_IN and not OPENID_PROVIDERS:
    raise env.CannotStart(
        "ANNUNCIATOR_LOCAL_SIGN_IN is 0 and ANNUNCIATOR_SIGN_IN names no provider: nobody could "
        "sign in. Set one of the two."
    )
SECOND_FACTOR_ROLES = frozenset(env.value("ANNUNCIATOR_SECOND_FACTOR", []))
STEP_UP_SECONDS = 60 * env.value("ANNUNCIATOR_STEP_UP_MINUTES", 15)
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS] if IS_SECURE else []

INSTALLED_APPS = [
    "config",
    "executions",
    "providers",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "axes",
    "csp",
]

MIDDLEWARE = [
    "config.middleware.RequestIdMiddleware",
    "config.sign_in_limits.ClientAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.CompressedPagesMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.ForeignPostMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.IdleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.middleware.SignInMiddleware",
    "config.middleware.ZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.PrivateMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "config.template_loader.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                ),
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "config.context_processors.page_context",
                "executions.web.layout.layout",
            ],
            "builtins": ["executions.display.template_tags"],
        },
    },
]


POOL = {
    "min_size": 0,
    "max_size": 40,
    "timeout": 10,
    "reconnect_timeout": 0,  # a try and another one at once; then who waits is refused
    "reconnect_failed": fail_waiting,
}


LOCKED_FOR = 5  # seconds that a statement waits for what another one holds, a migration's too


def database(url: str) -> dict[str, Any]:
    """Django's settings for a `postgresql://` address. `?host=` may name a socket folder."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    settings = f"-c lock_timeout={LOCKED_FOR}s {options.pop('options', '')}".strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or "") or database_roles.password(),
        "HOST": options.pop("host", "") or (parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 2,
            "pool": POOL,
            "options": settings,
            "prepare_threshold": 0,  # for the one cursor that is made for it, in `storage.store`
            **options,
        },
    }


DATABASES = {"default": database(database_roles.address())}
CACHES = {  # in the database: what is counted and used up there is so in every process
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "executions_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}
REDIS_URL = env.value("REDIS_URL", "redis://localhost:6379/0")

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "config.eager_user_backend.PeopleBackend",
]
PASSWORD_HASHERS = [  # the first one makes hashes; the others open older ones
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
PASSWORD_RESET_TIMEOUT = 600  # seconds that a link of `emergency_sign_in` works
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_HANDLER = "config.sign_in_limits.Limits"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "config.sign_in_limits.refused"
AXES_CLIENT_IP_CALLABLE = "config.sign_in_limits.guessed_from"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
ACCOUNT_ADAPTER = "config.sign_in.account_adapter.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_AUTHENTICATED_LOGIN_REDIRECTS = True
MFA_ADAPTER = "config.sign_in.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Annunciator"
MFA_TOTP_TOLERANCE = 1  # periods of half a minute that a telephone's clock may be off
SOCIALACCOUNT_ADAPTER = "config.sign_in.openid.SocialAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_STORE_TOKENS = False
LOGIN_URL = "login"
CSRF_FAILURE_VIEW = "config.interrupted_posts.stale"
LOGIN_REDIRECT_URL = "executions:list"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
FORMAT_MODULE_PATH = "config.formats"  # formats of the language come before those of settings
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.data_folder() / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # a missing folder is a warning on every start
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_bundles.BundledStaticFilesStorage"},
}
WHITENOISE_MANIFEST_STRICT = False

SESSION_COOKIE_AGE = 24 * 3600
SESSION_IDLE = 60 * env.value("ANNUNCIATOR_IDLE_MINUTES", 480)  # seconds without a person's doing
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = False
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if IS_SECURE:
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
else:
    # Browsers share cookies between ports: two sites on one machine would sign each other out.
    SESSION_COOKIE_NAME = f"session_{PORT}"
    CSRF_COOKIE_NAME = f"csrf_{PORT}"

# The live stream may be a second port of the same host.
LIVE_SOURCES = (
    [f"{urlsplit(LIVE_URL).scheme}://{urlsplit(LIVE_URL).netloc}"]
    if LIVE_URL
    else [
        f"{'https' if IS_SECURE else 'http'}://{host}:{LIVE_PORT}"
        for host in ALLOWED_HOSTS
        if "[" not in host  # a content policy cannot name an IPv6 address
    ]
)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "connect-src": [SELF, *LIVE_SOURCES],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "report-uri": ["/csp-reports/"],
    }
}
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 2**20

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False  # rows are the queue; messages only wake workers
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # a broker whose disk or memory is full is no end
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "health_check_interval": 25,
}
CELERY_TASK_ROUTES = {
    "executions.tasks.poll": {"queue": "poll"},
    "executions.tasks.read_due": {"queue": "poll"},  # beside the polls: one rate for both
    "executions.tasks.*": {"queue": "command"},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "config.log_lines.Line",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
        "json": {
            "()": "config.log_lines.JsonLine",
            "fmt": ["levelname", "name", "message"],
            "rename_fields": {"levelname": "level", "name": "logger"},
            "timestamp": True,
        },
    },
    "filters": {"once_per_outage": {"()": "config.database_outage_detection.OncePerOutage"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": env.value("ANNUNCIATOR_LOG", "line"),
            "filters": ["once_per_outage"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "apprise": {"level": "CRITICAL"},  # its lines carry addresses; runs in `apprise_process`
        "urllib3": {"level": "WARNING"},  # its debug lines carry addresses with tokens
        "websockets": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "psycopg.pool": {"level": "ERROR"},  # config.database_outage_detection says it, once
        "django.request": {"level": "ERROR"},
    },
}
