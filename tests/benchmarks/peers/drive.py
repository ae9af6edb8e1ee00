"""Commands for a peer: `register BASE ENDPOINTS` creates endpoints, `owe EVENTS BYTES BASE ENDPOINTS` queues work."""

import os
import sys

import django

if os.environ["PEER"] == "django-webhook":
    import celery_app  # noqa: F401  (before its tasks are imported, or they belong to no broker)
django.setup()

from django.conf import settings
from django.db import transaction

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


def register(base, endpoints):
    urls = [f"{base}/{number}" for number in range(endpoints)]
    if settings.PEER == "django-webhook":
        from django_webhook.models import Webhook, WebhookTopic, populate_topics_from_settings

        populate_topics_from_settings()
        topic = WebhookTopic.objects.get(name="shop.Order/create")
        for url in urls:
            webhook = Webhook.objects.create(url=url)
            webhook.topics.add(topic)
            webhook.secrets.create(token=SECRET)
    elif settings.PEER == "django-outbound-webhooks":
        from django_outbound_webhooks import register_endpoint

        for number, url in enumerate(urls):
            register_endpoint(name=f"Endpoint {number}", url=url, secret=SECRET, event_names=["shop.OrderPlaced"])


def owe(events, size, base, endpoints):
    text = "x" * size
    if settings.PEER == "django-webhook":
        from shop.models import Order

        for _ in range(events):
            Order.objects.create(text=text)
    elif settings.PEER == "django-outbound-webhooks":
        from django_domain_events import fire
        from shop.domain import OrderPlaced

        with transaction.atomic():
            for _ in range(events):
                fire(OrderPlaced(text=text))
    else:
        from django_q.tasks import async_task
        from shop.models import Posting

        with transaction.atomic():
            for _ in range(events):
                rows = [Posting(url=f"{base}/{number}", body=text, secret=SECRET) for number in range(endpoints)]
                for row in Posting.objects.bulk_create(rows):
                    async_task("shop.sending.send", row.pk)


if __name__ == "__main__":
    if sys.argv[1] == "register":
        register(sys.argv[2], int(sys.argv[3]))
    else:
        owe(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
