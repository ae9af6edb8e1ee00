"""The event that django-outbound-webhooks delivers."""

from dataclasses import dataclass

from django_domain_events import event


@event(name="shop.OrderPlaced")
@dataclass(frozen=True, slots=True)
class OrderPlaced:
    text: str
