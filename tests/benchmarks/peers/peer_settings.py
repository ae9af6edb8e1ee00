"""Django's settings for one peer at a time; runs in the peers' own virtual environment."""

import os
from urllib.parse import urlsplit

PEER = os.environ["PEER"]
_database = urlsplit(os.environ["PEER_DATABASE"])

SECRET_KEY = "benchmark-only"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "shop"]
INSTALLED_APPS += {
    "django-webhook": ["django_webhook"],
    "django-outbound-webhooks": ["django_domain_events", "django_outbound_webhooks"],
    "django-q2": ["django_q"],
}[PEER]
MIGRATION_MODULES = {"shop": None}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path[1:],
        "USER": _database.username,
        "PASSWORD": _database.password,
        "HOST": _database.hostname,
        "PORT": _database.port,
        "CONN_MAX_AGE": 600,
    }
}

# django-webhook and Celery, tuned: connections to the database are kept.
DJANGO_WEBHOOK = {"MODELS": ["shop.Order"], "STORE_EVENTS": True}
CELERY_BROKER_URL = os.environ.get("PEER_REDIS", "")
CELERY_TASK_IGNORE_RESULT = True
CELERY_DB_REUSE_MAX = 10000

# django-outbound-webhooks: the receiver is on loopback.
DJANGO_OUTBOUND_WEBHOOKS = {"ALLOW_PRIVATE_ADDRESSES": True}
DJANGO_DOMAIN_EVENTS = {"POLL_SECONDS": 0.1}

# django-q2, one task for each delivery, tuned: nothing kept of successes, tasks fetched 50 at a time.
Q_CLUSTER = {
    "name": "peer",
    "orm": "default",
    "workers": 2,
    "timeout": 60,
    "retry": 300,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "bulk": 50,
    "poll": 0.1,
    "catch_up": False,
    "log_level": "WARNING",
}
