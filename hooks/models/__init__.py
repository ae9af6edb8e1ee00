"""WHO IS TOLD: rules (hooks), addresses (endpoints, lanes) and work (deliveries, attempts)."""

from hooks.models.endpoint import Circuit, Endpoint, Lane, Pump
from hooks.models.hook import Hook
from hooks.models.work import Attempt, Delivery

__all__ = ["Attempt", "Circuit", "Delivery", "Endpoint", "Hook", "Lane", "Pump"]
