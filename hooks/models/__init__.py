"""The models: rules (hooks, channels, settings), addresses (endpoints, lanes) and work (deliveries, attempts)."""

from hooks.models.channel import Channel, Device
from hooks.models.endpoint import Circuit, Endpoint, EndpointQuerySet, Lane, PumpHeartbeat
from hooks.models.hook import Hook, HookProblem
from hooks.models.mailing import Unsubscription
from hooks.models.setting import NotificationSetting, Urgent
from hooks.models.work import Attempt, Delivery, DeliveryQuerySet

__all__ = [
    "Attempt",
    "Channel",
    "Circuit",
    "Delivery",
    "DeliveryQuerySet",
    "Device",
    "Endpoint",
    "EndpointQuerySet",
    "Hook",
    "HookProblem",
    "Lane",
    "NotificationSetting",
    "PumpHeartbeat",
    "Unsubscription",
    "Urgent",
]
