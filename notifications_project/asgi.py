"""The ASGI application (`uvicorn notifications_project.asgi:application`)."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
django_application = get_asgi_application()

from notifications_project.bodies import BoundedBodies  # noqa: E402  (needs Django to be set up)

application = BoundedBodies(django_application)
