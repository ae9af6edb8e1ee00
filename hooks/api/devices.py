"""The caller's own iPhones and iPads by API: registering, listing, renaming and removing them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from hooks.api.own import OwnAPIView
from hooks.endpoints import devices
from hooks.models import Device
from notifications_project.api.errors import answer_field_errors
from notifications_project.api.lists import answer_whole
from notifications_project.api.shapes import check, check_body


class DeviceAPIView(OwnAPIView):
    def get_device(self, pk: UUID) -> Device:
        found = Device.objects.select_related("endpoint", "user").filter(user=self.user, pk=pk).first()
        if found is None:
            raise NotFound("You have no such device.")
        return found


class DeviceList(DeviceAPIView):
    """GET all devices by name. POST `{"token", "name"}` to register one: 201, or 200 if it was registered already."""

    def get(self, request: Request) -> Response:
        found = Device.objects.filter(user=self.user).select_related("endpoint").order_by("name", "pk")
        return answer_whole(map(serialize_device, found))

    def post(self, request: Request) -> Response:
        sent = check_body(request.data)
        check(sent, {"token": str, "name": str}, frozenset({"token", "name"}))
        with answer_field_errors():
            device, new = devices.register(self.user, sent["token"], sent["name"])
        return Response(
            serialize_device(self.get_device(device.pk)), status=status.HTTP_201_CREATED if new else status.HTTP_200_OK
        )


class DeviceDetail(DeviceAPIView):
    """GET, PATCH `{"name"}` and DELETE a device."""

    def get(self, request: Request, device: UUID) -> Response:
        return Response(serialize_device(self.get_device(device)))

    def patch(self, request: Request, device: UUID) -> Response:
        found, sent = self.get_device(device), check_body(request.data)
        check(sent, {"name": str})
        if "name" in sent:
            with answer_field_errors():
                devices.rename(found, sent["name"])
        return Response(serialize_device(found))

    def delete(self, request: Request, device: UUID) -> Response:
        devices.remove(self.get_device(device))
        return Response(status=status.HTTP_204_NO_CONTENT)


def serialize_device(device: Device) -> dict[str, Any]:
    """Return the JSON of a device. Select its endpoint."""
    endpoint = device.endpoint
    return {
        "id": device.public_id,
        "name": device.name,
        "token": endpoint.address,
        "registered_at": device.registered_at,
        "last_delivered_at": endpoint.last_delivered_at,
        "last_attempt_at": endpoint.last_attempt_at,
        "last_answer": endpoint.last_answer,
        "explanation": devices.explain_no_push(),
    }
