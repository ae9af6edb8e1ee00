"""The settings of the test suite. Imported before Django reads any, by tests/conftest.py.

The developer's environment and `.demo/env` are ignored, so that the suite runs the same everywhere. Only
TEST_DATABASE_URL (`manage.py test` sets it for its second run) says on which database.
DEMO is true, so that the Inbox has its addresses and loopback receivers may be told; tests of a refused network
set OUTBOUND_ALLOWED_NETWORKS themselves. Port 9 is where nobody listens.
"""

from __future__ import annotations

import os
import sys
from typing import Any

SETTINGS: dict[str, Any] = {
    "DJANGO_SETTINGS_MODULE": "notifications_project.settings",
    "SECRET_KEY": "test-only-secret-key-0123456789abcdef0123456789",
    "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", "sqlite:///test.sqlite3"),
    "DEMO": "true",
    "PUBLIC_URL": "http://localhost:8000",
    "EMAIL_URL": "smtp://127.0.0.1:2525",
    "DEFAULT_FROM_EMAIL": "notifications@console.example",
    "OUTBOUND_ALLOWED_PORTS": "9",
}
NOT_GIVEN = [
    "ALLOWED_HOSTS",
    "APNS_ADDRESS",
    "APNS_CA_FILE",
    "APNS_ENVIRONMENT",
    "APNS_KEY",
    "APNS_KEY_FILE",
    "APNS_KEY_ID",
    "APNS_TEAM_ID",
    "APNS_TOPIC",
    "BEHIND_PROXY",
    "DELIVERY_TIMEOUT",
    "DEMO_DIR",
    "EMAIL_CONFIRM_ADDRESSES",
    "EMAIL_PROVIDER",
    "ENCRYPTION_KEYS",
    "LOG_LEVEL",
    "MAX_CONFIRMATIONS_PER_DAY",
    "MAX_INVITATIONS_PER_DAY",
    "MAX_UNREQUESTED_PER_ADDRESS",
    "OUTBOUND_ALLOWED_NETWORKS",
    "OUTBOUND_CA_FILE",
    "DEMO_PASSWORD",
    "REDIS_URL",
    "SECRET_KEY_FALLBACKS",
    "SIGN_UP",
    "WORKERS",
    "CONSOLE_STOP_FD",
]

already_set = all(os.environ.get(name) == value for name, value in SETTINGS.items())  # by the parent, under xdist
if "notifications_project.settings" in sys.modules and not already_set:
    raise SystemExit("The tests bring their own settings: unset DJANGO_SETTINGS_MODULE.")
for name in NOT_GIVEN:
    os.environ.pop(name, None)
os.environ.update(SETTINGS)
