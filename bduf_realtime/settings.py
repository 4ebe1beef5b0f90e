"""Django settings. Every choice of the operator comes from the environment; docs/configuration.md lists them."""

import os
import secrets
import warnings
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env

from bduf_realtime.gateway.conf import conf

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

DATA_DIR = Path(env.str("DATA_DIR", str(BASE_DIR / "var")))
HOST = env.str("HOST", "127.0.0.1")
PORT = env.int("PORT", 8000)
DEBUG = env.bool("DEBUG", False)


def embedded_secret_key() -> str:
    """Keeps one random key beside the embedded database, so that tokens survive a restart."""
    path = DATA_DIR / "secret_key"
    if not path.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        written = path.with_name(f"secret_key.{os.getpid()}")
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
        with suppress(FileExistsError):  # the key of a process that started at the same moment is as good
            os.link(written, path)
        written.unlink()
    return path.read_text().strip()


SECRET_KEY = env.str("SECRET_KEY", "") or embedded_secret_key()
# Former keys: the audit trail that was signed with them is still checked.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]", *({HOST} - {"0.0.0.0"})])  # noqa: S104
# Scheme, host and port of pages that may open sockets; empty: the page must come from this very host.
ALLOWED_ORIGINS: list[str] = env.list("ALLOWED_ORIGINS", [])
CSRF_TRUSTED_ORIGINS = [origin for origin in ALLOWED_ORIGINS if "*" not in origin]

INSTALLED_APPS = [
    "daphne",  # before staticfiles: replaces runserver with the ASGI one
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework_simplejwt.token_blacklist",
    "bduf_realtime.accounts",
    "bduf_realtime.audit",
    "bduf_realtime.rooms",
    "bduf_realtime.gateway",
    "notifications",
    "collaboration",
    "approvals",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "bduf_realtime.gateway.headers.SecurityHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "bduf_realtime.urls"
ASGI_APPLICATION = "bduf_realtime.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def database(url: str) -> dict[str, Any]:
    """Turns DATABASE_URL into Django's settings, with durability and pooling decided here."""
    parsed: dict[str, Any] = dict(dj_database_url.parse(url))
    options = parsed.setdefault("OPTIONS", {})
    if "sqlite" in parsed["ENGINE"]:
        Path(parsed["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        # IMMEDIATE: a deferred transaction that turns into a writer fails at once, whatever the timeout.
        options.update(
            transaction_mode="IMMEDIATE",
            timeout=conf.database_deadline,
            init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        )
        # Threads must never share one in-memory database: the tests' database is a file too.
        parsed["TEST"] = {"NAME": str(Path(parsed["NAME"]).with_name(f"test-{os.getpid()}.sqlite3"))}
    else:
        options.setdefault("connect_timeout", max(1, int(conf.database_deadline)))
        # Server-side second wall behind the client-side deadline of gateway/storage.py.
        options.setdefault("options", f"-c statement_timeout={int(conf.database_deadline * 1000)}")
        parsed["CONN_MAX_AGE"] = None
        parsed["CONN_HEALTH_CHECKS"] = True
    return parsed


DATABASE_URL = env.str("DATABASE_URL", f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
DATABASES = {"default": database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "")
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # A stalled Redis must fail a publish soon; the log fills the hole.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_connect_timeout": 2, "socket_timeout": 10}]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

# runserver would end a connection without a code on a large frame; plain daphne takes the same as flags.
DAPHNE_WEBSOCKET_MAX_MESSAGE_SIZE = DAPHNE_WEBSOCKET_MAX_FRAME_SIZE = conf.document_update_bytes * 5 // 4

# Where calls are counted. With the usual 300 entries, callers would push each other's counts out.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/admin/"  # the sign-in page of the admin's theme does not say where to go

SIMPLE_JWT: dict[str, Any] = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=conf.access_token_lifetime),
    "REFRESH_TOKEN_LIFETIME": timedelta(seconds=conf.refresh_token_lifetime),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": True,
    "AUDIENCE": conf.jwt_audience or None,
    "ISSUER": conf.jwt_issuer or None,
    "USER_ID_CLAIM": "user_id",
    "SIGNING_KEY": SECRET_KEY,
}
# What bduf_realtime.accounts may know of the knobs; it stands below the gateway that owns them.
TOKEN_MAX_LIFETIME = conf.token_max_lifetime
TOKEN_LEEWAY = conf.token_leeway
SOCKET_TOKEN_LIFETIME = conf.socket_token_lifetime
GUEST_TOKEN_LIFETIME = conf.guest_token_lifetime

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "bduf_realtime.accounts.rest.TokenAuthentication",
        "bduf_realtime.accounts.rest.PageAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        *(["rest_framework.renderers.BrowsableAPIRenderer"] if DEBUG else []),
    ],
    "URL_FORMAT_OVERRIDE": "format" if DEBUG else None,  # how the browsable API shows plain JSON
    "DEFAULT_PARSER_CLASSES": ["bduf_realtime.gateway.bodies.StrictJson"],
    "DEFAULT_PAGINATION_CLASS": "bduf_realtime.gateway.rest.Pages",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "bduf_realtime.gateway.rest.error_response",
    "DEFAULT_FILTER_BACKENDS": ["bduf_realtime.gateway.rest.Filters", "bduf_realtime.gateway.rest.Ordering"],
    "DEFAULT_THROTTLE_CLASSES": ["bduf_realtime.gateway.throttles.CallThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "login": conf.rate_login,
        "invitation": conf.rate_invitation,
        "rest": conf.rate_rest,
    },
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "NUM_PROXIES": env.int("TRUSTED_PROXIES", 0),
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "bduf_realtime",
    "DESCRIPTION": "What is not worth a socket: signing in, projects, sessions, people, and what operators ask.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "Role": "collaboration.roles.CHOICES",
        "InvitationRole": "collaboration.roles.BELOW_OWNER",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "bduf_realtime.gateway.openapi.complete",
    ],
}

# Where people find this server; links in mails begin so.
PUBLIC_URL = env.str("PUBLIC_URL", f"http://{HOST}:{PORT}").rstrip("/")
EMAIL_HOST = env.str("EMAIL_HOST", "")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_PORT = env.int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = env.bool("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", f"bduf@{urlsplit(PUBLIC_URL).hostname}")

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
WHITENOISE_USE_FINDERS = True  # served from the apps themselves: nothing to collect before the first run
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/workspace/assets/"  # their names have a digest of what is in them
warnings.filterwarnings("ignore", message="No directory at")
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * conf.document_update_bytes
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
HTTPS = env.bool("HTTPS", conf.production)
if HTTPS:
    SECURE_SSL_REDIRECT = env.bool("SSL_REDIRECT", True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "BDUF realtime",
    "SITE_HEADER": "BDUF realtime",
    "SITE_SUBHEADER": "Operations",
    "SITE_SYMBOL": "hub",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC_URL}gateway/icon.svg"}],
    "STYLES": [f"{STATIC_URL}gateway/admin.css"],
    "SCRIPTS": [f"{STATIC_URL}gateway/refresh.js"],
    "SHOW_BACK_BUTTON": True,
    "SIDEBAR": {"show_search": True, "navigation": "collaboration.admin.navigation.navigation"},
    "DASHBOARD_CALLBACK": "collaboration.admin.dashboard.dashboard",
    # The start page's green; white on its 600 has a contrast of more than 4.5 : 1.
    "COLORS": {
        "primary": {
            "50": "oklch(97.6% .012 175)",
            "100": "oklch(94.3% .032 175)",
            "200": "oklch(88.6% .06 174)",
            "300": "oklch(81.5% .085 173)",
            "400": "oklch(74.5% .098 172)",
            "500": "oklch(60% .092 172)",
            "600": "oklch(46% .073 173)",
            "700": "oklch(40.5% .064 174)",
            "800": "oklch(34.5% .053 175)",
            "900": "oklch(29.5% .044 176)",
            "950": "oklch(21.5% .032 177)",
        }
    },
}

LOGGING_CONFIG = None  # gateway/logs.py configures structlog and the standard library together


def refuse_unsafe() -> None:
    """Stops a production start that would leave a door open, naming the variable to change."""
    unsafe = []
    if len(SECRET_KEY.encode()) < 32:
        unsafe.append("SECRET_KEY is shorter than 32 bytes: tokens could be forged. Set a longer random one.")
    if conf.production:
        if DEBUG:
            unsafe.append("DEBUG is on: error pages show the code. Unset DEBUG.")
        if not env.str("SECRET_KEY", ""):
            unsafe.append("SECRET_KEY is not set: every instance needs the same one.")
        if "*" in ALLOWED_HOSTS:
            unsafe.append("ALLOWED_HOSTS is *: name the hosts this server answers to.")
        if any("*" in origin for origin in ALLOWED_ORIGINS):
            unsafe.append("ALLOWED_ORIGINS has a wildcard: name each page's scheme, host and port.")
        redis = urlsplit(REDIS_URL)
        if REDIS_URL and not redis.password and redis.hostname not in ("localhost", "127.0.0.1", "::1"):
            unsafe.append("REDIS_URL has no password and is not on this machine.")
        if REDIS_URL and "sqlite" in DATABASES["default"]["ENGINE"]:
            unsafe.append("REDIS_URL says several instances, but DATABASE_URL is SQLite: use PostgreSQL.")
    if unsafe:
        raise ImproperlyConfigured("\n".join(["unsafe settings, refusing to start:", *unsafe]))


refuse_unsafe()
