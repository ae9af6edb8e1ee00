"""The ASGI application (`uvicorn notifications_project.asgi:application`)."""

import os
import warnings

import django

from notifications_project.runtime.readiness import check_server, end_with_one_line
from notifications_project.runtime.supervisor import STOP_FD

# WhiteNoise reads its files synchronously, which Django warns of at each one; ours are a few kB each.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

os.environ["CONSOLE_ASGI"] = "true"  # the settings then choose the pool of database connections
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notifications_project.settings")
with end_with_one_line():
    django.setup(set_prefix=False)
    if STOP_FD not in os.environ:  # `up` has checked it before it started this process
        check_server()

from django.urls import get_resolver  # noqa: E402  (needs Django to be set up)

from notifications_project.runtime.bodies import BoundedBodies  # noqa: E402
from notifications_project.runtime.charsets import Utf8Only  # noqa: E402
from notifications_project.runtime.threads import ThreadsHandler  # noqa: E402

_ = get_resolver().url_patterns  # imports the views now: the first request would wait for that
application = Utf8Only(BoundedBodies(ThreadsHandler()))
