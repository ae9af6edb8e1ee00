"""Deliveries by API: the list, a delivery with its attempts, and resending."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from hooks.api.presentation import serialize_attempt, serialize_delivery, serialize_private_delivery
from hooks.context import has_running_workers
from hooks.deliveries import privacy, resending
from hooks.models import Delivery
from hooks.presentation import delivery_lists
from notifications_project import ids
from notifications_project.accounts.access import OrganizationAPIView
from notifications_project.accounts.roles import Permission
from notifications_project.api.errors import ApiError, describe_error, make_invalid
from notifications_project.api.lists import answer_newest, parse_identifier, read_parameters
from notifications_project.api.shapes import check, check_body


class DeliveryAPIView(OrganizationAPIView):
    def list_deliveries(self, **filters: Any) -> QuerySet[Delivery]:
        mine = delivery_lists.list_deliveries(self.organization, **filters)
        loaded = delivery_lists.load_back_off(mine).select_related("organization", "event", "endpoint", "hook")
        return loaded.defer("endpoint__secrets")

    def get_delivery(self, pk: UUID) -> Delivery:
        found = self.list_deliveries().filter(pk=pk).first()
        if found is None:
            raise NotFound("There is no such delivery in this organization.")
        self.look([found])
        return found

    def serialize(self, delivery: Delivery) -> dict[str, Any]:
        if privacy.is_private(delivery):
            return serialize_private_delivery(delivery, self._whose[delivery.pk])
        return serialize_delivery(delivery, workers=self._has_running_workers)

    def look(self, deliveries: Sequence[Delivery]) -> None:
        """Read whose own channels these deliveries go to, before `json` is called for them."""
        self._whose = privacy.find_owners(deliveries)

    def _has_running_workers(self) -> bool:
        return has_running_workers(self.request._request)


class DeliveryList(DeliveryAPIView):
    """GET deliveries, newest first, filtered by `state`, `hook` and `event`."""

    def get(self, request: Request, owner: UUID) -> Response:
        query = read_parameters(request, "state", "hook", "event")
        filters: dict[str, Any] = {}
        if (state := query.get("state")) is not None:
            if state not in Delivery.State.values:
                raise make_invalid({"state": f"Must be one of {', '.join(Delivery.State.values)}."})
            filters["state"] = state
        if "hook" in query:
            filters["hook"] = parse_identifier(query["hook"], "hook", "hook")
        if "event" in query:
            filters["event"] = parse_identifier(query["event"], "event", "evt")
        return answer_newest(request, self.list_deliveries(**filters), "dlv", self.serialize, self.look)


class DeliveryDetail(DeliveryAPIView):
    """GET a delivery with all attempts, oldest first."""

    def get(self, request: Request, owner: UUID, delivery: UUID) -> Response:
        found = self.get_delivery(delivery)
        attempts = found.attempts.none() if privacy.is_private(found) else found.attempts.order_by("pk")
        return Response(
            self.serialize(found) | {"attempts": [serialize_attempt(attempt, found) for attempt in attempts]}
        )


class Redeliver(DeliveryAPIView):
    """POST to resend a delivery with its id and body: 202, or 409 if it cannot be sent now."""

    permissions = {"POST": Permission.TEST_HOOKS}

    def post(self, request: Request, owner: UUID, delivery: UUID) -> Response:
        found = self.get_delivery(delivery)
        check(check_body(request.data), {})
        try:
            resending.redeliver(found, self.user)
        except resending.CannotRedeliver as problem:
            raise ApiError(409, [describe_error(str(problem))]) from None
        return Response(self.serialize(self.get_delivery(delivery)), status=status.HTTP_202_ACCEPTED)


class RedeliverMany(DeliveryAPIView):
    """POST `{"ids": […]}`, up to 100, to resend them; the answer says why some cannot be sent."""

    permissions = {"POST": Permission.TEST_HOOKS}

    def post(self, request: Request, owner: UUID) -> Response:
        sent = check_body(request.data)
        check(sent, {"ids": (str,)}, frozenset({"ids"}))
        wanted = [parse_identifier(text, "ids", "dlv") for text in sent["ids"]]
        try:
            again, refused = resending.redeliver_many(self.organization, wanted, self.user)
        except resending.CannotRedeliver as problem:
            raise make_invalid({"ids": str(problem)}) from None
        answer = {
            "sent": [each.public_id for each in again],
            "refused": [{"id": ids.encode("dlv", pk), "message": why} for pk, why in refused.items()],
        }
        return Response(answer, status=status.HTTP_202_ACCEPTED)
