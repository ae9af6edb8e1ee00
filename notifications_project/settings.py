"""Django's settings, all from the environment (docs/settings.md has the table), and from nowhere else.

The demo keeps its own in `.demo/env`; `manage.py up` without a SECRET_KEY, and a command with `--demo`, put them into
the environment before this file is read (start.py).
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext
from csp.constants import NONE, SELF
from django.contrib.messages import constants as message_levels

from notifications_project import environment

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
DEMO_DIR = Path(environment.read_text("DEMO_DIR") or BASE_DIR / ".demo").absolute()
DEMO = environment.flag("DEMO")
DEMO_EMAIL = "ada@example.com"  # the demo's sign-in, shown on the sign-in page in demo mode only
DEMO_PASSWORD = environment.read_text("DEMO_PASSWORD", "analytical-engine")
DEBUG = False
SECRET_KEY = environment.read_text("SECRET_KEY")  # checked at the end
SECRET_KEY_FALLBACKS = environment.read_keys("SECRET_KEY_FALLBACKS")
_keys = environment.read_keys("ENCRYPTION_KEYS")
# The first encrypts, all decrypt. Without ENCRYPTION_KEYS the secret key is what a key is made from: so secrets stay
# readable when ENCRYPTION_KEYS is given later, and when the secret key of before stands in either list.
ENCRYPTION_KEYS = _keys + [f"from the secret key: {key}" for key in (SECRET_KEY, *SECRET_KEY_FALLBACKS, *_keys)]

# --- Where it is reached -------------------------------------------------------------------------------------
PUBLIC_URL = environment.read_web_address("PUBLIC_URL", "http://localhost:8000")
_public_host = environment.get_host(PUBLIC_URL)
ALLOWED_HOSTS = [_public_host, *(environment.read_hosts("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"])]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
_https = PUBLIC_URL.startswith("https:")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_NAME = "console_session"
CSRF_COOKIE_NAME = "console_csrf"
CSRF_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
if environment.flag("BEHIND_PROXY"):
    SECURE_SSL_REDIRECT = _https  # without a proxy's word nobody knows how a request came
    SECURE_SSL_HOST = PUBLIC_URL.partition("://")[2]
    SECURE_REDIRECT_EXEMPT = [r"^api/"]  # HttpsOnlyMiddleware refuses it
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ALLAUTH_TRUSTED_PROXY_COUNT = 1  # sign-in limits count the caller's address, not the proxy's
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes of a request's body

# --- What it is made of --------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "django_q",
    "knox",
    "rest_framework",
    "notifications_project",
    "notifications_project.accounts",
    "events",
    "hooks",
]
if DEMO:
    INSTALLED_APPS.append("notifications_project.inbox")
MIDDLEWARE = [
    "notifications_project.middleware.PrivateAnswersMiddleware",
    "notifications_project.middleware.HttpsOnlyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "notifications_project.middleware.NoNulMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "notifications_project.middleware.KeyInAddressMiddleware",
    "notifications_project.middleware.OptionalSlashMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "notifications_project.accounts.middleware.LanguageMiddleware",
    "notifications_project.accounts.middleware.TimeZoneMiddleware",
    "notifications_project.middleware.BusyMiddleware",
]
ROOT_URLCONF = "notifications_project.urls"
ASGI_APPLICATION = "notifications_project.asgi.application"
WSGI_APPLICATION = "notifications_project.wsgi.application"
APPEND_SLASH = False  # OptionalSlashMiddleware does it without a redirect
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
                "notifications_project.accounts.context.describe_shell",
                "hooks.context.list_notices",
            ],
            "builtins": [
                "django.contrib.humanize.templatetags.humanize",
                "django.templatetags.i18n",
                "notifications_project.templatetags.look",
                "notifications_project.templatetags.components",
            ],
        },
    }
]
FORM_RENDERER = "notifications_project.forms.Renderer"
# What a message is tagged with is the class of the note that shows it.
MESSAGE_TAGS = {
    message_levels.DEBUG: "info",
    message_levels.INFO: "info",
    message_levels.SUCCESS: "good",
    message_levels.WARNING: "warn",
    message_levels.ERROR: "bad",
}

# --- Where it is kept ----------------------------------------------------------------------------------------
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_database = environment.read_database("DATABASE_URL", f"sqlite:///{BASE_DIR / 'console.sqlite3'}")
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # WAL lets pages read while workers write; IMMEDIATE avoids the upgrade dead-lock.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; "
        "PRAGMA journal_size_limit=4194304;",
    }
elif os.environ.get("CONSOLE_ASGI"):
    # Under ASGI each request has a thread of its own: what a thread kept open would stay open for ever.
    # A look of a quarter of a second at a time: between them it is seen whether the database is away at all.
    _pool = {"min_size": 1, "max_size": 20, "timeout": 0.25, "reconnect_timeout": 0.0}
    _database["ENGINE"] = "notifications_project.pooled_postgresql"
    _database["OPTIONS"] = {"connect_timeout": 3} | _database.get("OPTIONS", {}) | {"pool": _pool}
    _database["CONN_HEALTH_CHECKS"] = True  # a connection that the database has closed is not given to a request
else:
    _database |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
DATABASES = {"default": _database}
REDIS_URL = environment.read_redis("REDIS_URL")
CACHES = {"default": {"BACKEND": "notifications_project.accounts.counters.CounterCache"}}  # limits of sign-in pages
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "notifications_project" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "notifications_project.versioned_files.VersionedFiles"},
}
WHITENOISE_USE_FINDERS = True  # served from where they are written; there is nothing to collect
# Longer is not safe: while a new version is rolled out, an old process may answer for a new address.
WHITENOISE_MAX_AGE = 3600

# --- Who signs in --------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # a constraint on lower(email) makes it unique, whatever the case
    # The names below the console's own are other people's to answer for, and preloading cannot be undone.
    "security.W005",
    "security.W021",
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
SIGN_UP_OPEN = environment.read_choice("SIGN_UP", "closed", "open") == "open"
if SIGN_UP_OPEN and not (environment.read_text("EMAIL_URL") or environment.read_text("EMAIL_PROVIDER")):
    why = "can be open only with EMAIL_URL or EMAIL_PROVIDER: new addresses are confirmed by mail"
    raise environment.BadSetting("SIGN_UP", why)
ACCOUNT_ADAPTER = "notifications_project.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "notifications_project.accounts.sign_in.LoginForm",
    "signup": "notifications_project.accounts.sign_in.SignupForm",
    "reset_password": "notifications_project.accounts.sign_in.ResetPasswordForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if SIGN_UP_OPEN else "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # who asks to reset an unknown address does not make us mail strangers
ACCOUNT_RATE_LIMITS = {  # beside the library's own: nobody is mailed without end because somebody types their address
    "reset_password": "20/m/ip,5/m/key,20/d/key",
    "confirm_email": "1/3m/key,20/d/key",
    "signup": "20/m/ip,100/d/ip",
}
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105  (a model)
MIGRATION_MODULES = {"knox": None}  # the library's own table would stay empty, and hold up emptying the others
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_PREFIX": "nct_", "TOKEN_TTL": timedelta(days=365)}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["notifications_project.accounts.authentication.ApiTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["notifications_project.api.parsing.JSONParser"],
    "EXCEPTION_HANDLER": "notifications_project.api.errors.handle",
    "UNAUTHENTICATED_USER": None,
}

# --- What is sent --------------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = environment.read_sender("DEFAULT_FROM_EMAIL", f"notifications@{_public_host}")
_email = environment.read_email("EMAIL_URL")
EMAIL_PROVIDER = environment.read_mail_provider("EMAIL_PROVIDER")
if EMAIL_PROVIDER and _email:
    raise environment.BadSetting("EMAIL_PROVIDER", "cannot be given together with EMAIL_URL: mail goes one way")
MAIL_CONFIGURED = bool(_email or EMAIL_PROVIDER)
EMAIL_BACKEND = "notifications_project.mail.backend.EmailBackend"
if EMAIL_PROVIDER:
    EMAIL_BACKEND = f"anymail.backends.{EMAIL_PROVIDER}.EmailBackend"
    INSTALLED_APPS.append("anymail")
EMAIL_CONFIRM_ADDRESSES = environment.flag("EMAIL_CONFIRM_ADDRESSES", True)
# Mails that their receivers did not ask for: by one organization in a day, and by all together to one address.
MAX_INVITATIONS_PER_DAY = environment.number("MAX_INVITATIONS_PER_DAY", 50, 1, 100_000)
MAX_CONFIRMATIONS_PER_DAY = environment.number("MAX_CONFIRMATIONS_PER_DAY", 50, 1, 100_000)
MAX_UNREQUESTED_PER_ADDRESS = environment.number("MAX_UNREQUESTED_PER_ADDRESS", 5, 1, 1_000)
EMAIL_HOST = _email.get("EMAIL_HOST", "")
EMAIL_PORT = _email.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = _email.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = _email.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = _email.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _email.get("EMAIL_USE_SSL", False)
DELIVERY_TIMEOUT = environment.number("DELIVERY_TIMEOUT", 15, 1, 60)  # seconds for one attempt, all in all
EMAIL_TIMEOUT = DELIVERY_TIMEOUT
ANYMAIL = {"REQUESTS_TIMEOUT": DELIVERY_TIMEOUT, **environment.read_mail_provider_settings()}
if environment.read_text("APNS_KEY") and environment.read_text("APNS_KEY_FILE"):
    raise environment.BadSetting("APNS_KEY_FILE", "cannot be given beside APNS_KEY")
APNS_KEY = environment.push_key("APNS_KEY") or environment.push_key_file("APNS_KEY_FILE")
APNS_KEY_ID = environment.read_code("APNS_KEY_ID", r"[A-Z0-9]{10}", "ABC123DEFG")
APNS_TEAM_ID = environment.read_code("APNS_TEAM_ID", r"[A-Z0-9]{10}", "DEF123GHIJ")
APNS_TOPIC = environment.read_code("APNS_TOPIC", r"[A-Za-z0-9][A-Za-z0-9.-]{0,154}", "com.example.console")
APNS_ENVIRONMENT = environment.read_choice("APNS_ENVIRONMENT", "production", "sandbox")
_apple = f"https://api.{'' if APNS_ENVIRONMENT == 'production' else 'sandbox.'}push.apple.com"
APNS_ADDRESS = environment.read_web_address("APNS_ADDRESS", _apple)
if not APNS_ADDRESS.startswith("https:"):
    raise environment.BadSetting("APNS_ADDRESS", f"must begin with https://, not {APNS_ADDRESS!r}")
APNS_CA_FILE = environment.read_existing_file("APNS_CA_FILE")
PUSH_CONFIGURED = environment.complete(
    {"APNS_KEY": APNS_KEY, "APNS_KEY_ID": APNS_KEY_ID, "APNS_TEAM_ID": APNS_TEAM_ID, "APNS_TOPIC": APNS_TOPIC},
    beside={name: bool(environment.read_text(name)) for name in ("APNS_ENVIRONMENT", "APNS_ADDRESS", "APNS_CA_FILE")},
)
OUTBOUND_ALLOWED_NETWORKS = environment.read_networks("OUTBOUND_ALLOWED_NETWORKS")
OUTBOUND_CA_FILE = environment.read_certificates_file("OUTBOUND_CA_FILE")
OUTBOUND_ALLOWED_PORTS = environment.read_ports("OUTBOUND_ALLOWED_PORTS")
if DEMO:
    OUTBOUND_ALLOWED_NETWORKS += environment.parse_networks("127.0.0.0/8", "::1/128")

# The engine's time-outs nest: a pump's turn (20 s) and one attempt < task time-out < broker retry.
_task_timeout = 30 + 2 * DELIVERY_TIMEOUT
Q_CLUSTER: dict[str, Any] = {
    "name": "notifications",
    "workers": environment.number("WORKERS", 2, 1, 64),
    "timeout": _task_timeout,
    "retry": _task_timeout * 5,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,  # No row per successful task: the delivery and its attempts are the record.
    "bulk": 1,
    "queue_limit": 2,
    "poll": 0.2,
    "catch_up": False,
    "recycle": 500,
    "max_rss": 300_000,
    "log_level": "WARNING",
    "label": "Task queue",
    "ALT_CLUSTERS": {},
    "orm": "default",
    "broker_class": "hooks.engine.broker.Queue",
} | ({"redis": REDIS_URL, "broker_class": "hooks.engine.broker.WakeUps"} if REDIS_URL else {})

# --- Language, time, logs, policy ----------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en", "English"), ("fr", "Français")]  # British English, as `formats/en` and the texts have it
LOCALE_PATHS = [
    BASE_DIR / "notifications_project" / "locale"
]  # of templates/, events/ and this package; hooks has its own
FORMAT_MODULE_PATH = ["notifications_project.formats"]
LANGUAGE_COOKIE_NAME = "console_language"
LANGUAGE_COOKIE_AGE = 365 * 86400
LANGUAGE_COOKIE_SECURE = _https
# Not LANGUAGE: that is gettext's, and many desktops set it to a list such as `en_GB:en`.
MESSAGE_LANGUAGE = environment.read_choice("MESSAGE_LANGUAGE", "en", "fr")
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
_log_level = environment.read_choice("LOG_LEVEL", "warning", "debug", "info", "error", "critical").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {
        "no client's traceback": {"()": "notifications_project.runtime.logs.NoClientTraceback"},
        "no cut requests": {"()": "notifications_project.runtime.logs.NoCutRequests"},
        "no lost database": {"()": "notifications_project.runtime.logs.NoLostDatabase"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no client's traceback"]}
    },
    # An API's client that errs is told so in the answer; here only what is our own failure is.
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security.csrf": {"level": "ERROR"},
        "uvicorn.error": {"filters": ["no cut requests"]},
        "django-q": {"filters": ["no lost database"]},
        # At other levels these tell what is in a request: device tokens in addresses, ours in headers.
        **{name: {"level": "WARNING"} for name in ("httpx", "httpcore", "hpack")},
        "psycopg.pool": {"level": "ERROR"},  # it tells of each attempt to connect; `outage` tells once
    },
    "root": {"handlers": ["stderr"], "level": _log_level},
}
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Last: a name that nobody has read by now is no setting.
SECRET_KEY = environment.read_secret_key("SECRET_KEY")
MISSPELT = environment.find_misspelt(environment.names_read)
