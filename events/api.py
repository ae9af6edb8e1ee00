"""The API of events, the catalogue and resources."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import path
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events import catalogue, representation, resources
from events.api_forms import parse_new_events, parse_resource_changes
from events.intake import Conflict, InvalidEvents, record
from events.models import Event, Resource
from events.presentation import group_json, serialize_event, serialize_resource, type_json
from notifications_project.accounts.access import OrganizationAPIView
from notifications_project.accounts.models import User
from notifications_project.accounts.roles import PERMISSIONS, Permission
from notifications_project.api.errors import ApiError, describe_error, make_invalid
from notifications_project.api.lists import answer_newest, answer_whole, parse_identifier, read_parameters


class EventList(OrganizationAPIView):
    """GET lists events, newest first, filtered by `type` (a type or group) and `resource`. POST records."""

    permissions = {"POST": Permission.RECORD_EVENTS}

    def get(self, request: Request, owner: UUID) -> Response:
        query = read_parameters(request, "type", "resource")
        events: QuerySet[Event] = self.organization.events.select_related("resource")
        if "type" in query:
            types = catalogue.expand([query["type"]])
            if not types:
                raise make_invalid({"type": "There is no such event type or group."})
            events = events.filter(type__in=types)
        if "resource" in query:
            called = parse_identifier(query["resource"], "resource", *Resource.KINDS)
            resource = self.organization.resources.for_ids(called).first()
            if resource is None:
                raise make_invalid({"resource": "There is no such application or add-on in this organization."})
            events = events.filter(resource=resource)
        return answer_newest(request, events, "evt", serialize_event)

    def post(self, request: Request, owner: UUID) -> Response:
        several = isinstance(request.data, list)
        sent = parse_new_events(request.data, request.headers.get("Idempotency-Key"))
        try:
            events = record(self.organization, sent, actor=self.user, permissions=PERMISSIONS[self.membership.role])
        except InvalidEvents as refused:
            raise ApiError(
                403 if refused.forbidden else 422,
                [
                    describe_error(each.message, each.field, each.index if several and sent else None)
                    for each in refused.errors
                ],
            ) from None
        except Conflict as conflict:
            message = f"The key {conflict.key} was used before, with another event."
            index = conflict.index if several else None
            raise ApiError(409, [describe_error(message, "idempotency_key", index)]) from None
        stored = [{"id": event.public_id} for event in events]
        return Response({"events": stored} if several else stored[0], status=status.HTTP_202_ACCEPTED)


class EventDetail(OrganizationAPIView):
    def get(self, request: Request, owner: UUID, event: UUID) -> Response:
        return Response(serialize_event(_find_event(self, event)))


class EventRepresentation(OrganizationAPIView):
    """GET returns the stored bytes, exactly as a `raw` webhook sends them."""

    def get(self, request: Request, owner: UUID, event: UUID) -> HttpResponse:
        return HttpResponse(representation.get_bytes(_find_event(self, event)), content_type=representation.MEDIA_TYPE)


def _find_event(view: OrganizationAPIView, event: UUID) -> Event:
    found = view.organization.events.select_related("resource").filter(pk=event).first()
    if found is None:
        raise NotFound("There is no such event in this organization.")
    return found


class EventTypes(APIView):
    """GET returns every event type and group; all organizations have the same."""

    def get(self, request: Request) -> Response:
        return Response(
            {
                "types": [type_json(each) for each in catalogue.TYPES],
                "groups": [group_json(each) for each in catalogue.ALL_GROUPS],
            }
        )


class ResourceList(OrganizationAPIView):
    """GET lists all resources by kind and name, archived ones too. POST adds one."""

    permissions = {"POST": Permission.MANAGE_RESOURCES}

    def get(self, request: Request, owner: UUID) -> Response:
        return answer_whole(serialize_resource(each) for each in self.organization.resources.order_by("kind", "name"))

    def post(self, request: Request, owner: UUID) -> Response:
        sent = parse_resource_changes(request.data, {"kind", "name"}, required={"kind", "name"})
        try:
            resource = resources.create(organization=self.organization, actor=self.user, **sent)
        except resources.ResourceError as problem:
            raise make_invalid({"kind" if sent["kind"] not in Resource.Kind.values else "name": str(problem)}) from None
        return Response(serialize_resource(resource), status=status.HTTP_201_CREATED)


class ResourceDetail(OrganizationAPIView):
    """GET returns a resource; PATCH `{"name"?, "archived"?}` renames, archives or restores it."""

    permissions = {"PATCH": Permission.MANAGE_RESOURCES}

    def get(self, request: Request, owner: UUID, resource: UUID) -> Response:
        return Response(serialize_resource(self._find_resource(resource)))

    def patch(self, request: Request, owner: UUID, resource: UUID) -> Response:
        found = self._find_resource(resource)
        sent = parse_resource_changes(request.data, {"name", "archived"})
        try:
            changed = _change(found, sent, self.user)
        except resources.ResourceError as problem:
            raise make_invalid({"name": str(problem)}) from None
        return Response(serialize_resource(changed))

    def _find_resource(self, resource: UUID) -> Resource:
        found = self.organization.resources.for_ids(resource).first()
        if found is None:
            raise NotFound("There is no such application or add-on in this organization.")
        return found


@transaction.atomic
def _change(resource: Resource, sent: dict[str, Any], actor: User) -> Resource:
    if "name" in sent:
        resource = resources.rename(resource, name=sent["name"], actor=actor)
    if "archived" in sent:
        resource = (resources.archive if sent["archived"] else resources.restore)(resource, actor=actor)
    return resource


_organization = "organizations/<owner:owner>/"

urlpatterns = [
    path("event-types/", EventTypes.as_view(), name="api-event-types"),
    path(f"{_organization}events/", EventList.as_view(), name="api-events"),
    path(f"{_organization}events/<event:event>/", EventDetail.as_view(), name="api-event"),
    path(
        f"{_organization}events/<event:event>/representation/",
        EventRepresentation.as_view(),
        name="api-event-representation",
    ),
    path(f"{_organization}resources/", ResourceList.as_view(), name="api-resources"),
    path(f"{_organization}resources/<resource:resource>/", ResourceDetail.as_view(), name="api-resource"),
]
