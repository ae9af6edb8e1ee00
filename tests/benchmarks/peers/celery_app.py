"""Celery for django-webhook: `celery -A celery_app worker`."""

from celery import Celery

app = Celery("peer")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["django_webhook"])
