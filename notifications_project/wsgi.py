"""The WSGI application (for servers that speak WSGI)."""

import os

from django.core.wsgi import get_wsgi_application

from notifications_project.runtime.readiness import check_server, end_with_one_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
with end_with_one_line():
    django_application = get_wsgi_application()
    check_server()

from notifications_project.runtime.charsets import Utf8OnlyWsgi

application = Utf8OnlyWsgi(django_application)
