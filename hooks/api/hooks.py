"""Hooks by API: listing, creating, reading, changing, deleting and testing them, and rotating secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from events import catalogue
from hooks.api import forms
from hooks.api.presentation import serialize_hook
from hooks.audience import recipients
from hooks.deliveries import test_sends
from hooks.manage import rules
from hooks.models import Hook
from hooks.preview import verifying
from hooks.preview.preview import Draft
from notifications_project.accounts.access import OrganizationAPIView
from notifications_project.accounts.roles import Permission, allows
from notifications_project.api.errors import answer_field_errors, make_invalid
from notifications_project.api.lists import answer_whole, read_parameters
from notifications_project.api.shapes import check, check_body

_TRIED_FIRST = "stack.redeploy.ok"  # the type of a test for hooks that match every event


class HookAPIView(OrganizationAPIView):
    def list_hooks(self) -> QuerySet[Hook]:
        existing = Hook.objects.existing().filter(organization=self.organization)
        loaded = existing.select_related("organization", "endpoint__lane")
        return loaded.prefetch_related("resources", "notify_users")

    def get_hook(self, pk: UUID) -> Hook:
        found = self.list_hooks().filter(pk=pk).first()
        if found is None:
            raise NotFound("There is no such hook in this organization.")
        return found

    def serialize(self, hook: Hook) -> dict[str, Any]:
        return self.list_json([hook])[0]

    def list_json(self, hooks: Sequence[Hook]) -> list[dict[str, Any]]:
        secret = allows(self.membership.role, Permission.MANAGE_HOOKS)
        silent = recipients.find_skipped_addresses(self.organization, hooks)
        return [serialize_hook(hook, silent.get(hook.pk, ()), secret=secret) for hook in hooks]


class HookList(HookAPIView):
    """GET all hooks by name, filtered by `kind`. POST to create one; only this answer has a webhook's `secret`."""

    permissions = {"POST": Permission.MANAGE_HOOKS}

    def get(self, request: Request, owner: UUID) -> Response:
        hooks = self.list_hooks().order_by("name", "pk")
        if (kind := read_parameters(request, "kind").get("kind")) is not None:
            if kind not in Hook.Kind.values:
                raise make_invalid({"kind": f"Must be {' or '.join(Hook.Kind.values)}."})
            hooks = hooks.filter(kind=kind)
        return answer_whole(self.list_json(list(hooks)))

    def post(self, request: Request, owner: UUID) -> Response:
        kind, sent = forms.parse_new_hook(request.data)
        shown: dict[str, Any] = {}
        with answer_field_errors():
            if kind == Hook.Kind.WEBHOOK:
                hook, shown["secret"] = rules.create_webhook(
                    organization=self.organization, actor=self.user, spec=rules.WebhookSpec.of(**sent)
                )
            else:
                hook = rules.create_email_hook(organization=self.organization, actor=self.user, **sent)
        return Response(self.serialize(self.get_hook(hook.pk)) | shown, status=status.HTTP_201_CREATED)


class HookDetail(HookAPIView):
    """GET, PATCH (change the given fields), PUT (replace all fields) and DELETE a hook."""

    permissions = dict.fromkeys(["PUT", "PATCH", "DELETE"], Permission.MANAGE_HOOKS)

    def get(self, request: Request, owner: UUID, hook: UUID) -> Response:
        return Response(self.serialize(self.get_hook(hook)))

    def patch(self, request: Request, owner: UUID, hook: UUID) -> Response:
        return self._change(request, hook, complete=False)

    def put(self, request: Request, owner: UUID, hook: UUID) -> Response:
        return self._change(request, hook, complete=True)

    def delete(self, request: Request, owner: UUID, hook: UUID) -> Response:
        with answer_field_errors():
            rules.delete_hook(self.get_hook(hook), self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _change(self, request: Request, pk: UUID, *, complete: bool) -> Response:
        hook = self.get_hook(pk)
        sent = forms.parse_changes(hook, request.data, complete=complete)
        with answer_field_errors():
            rules.update_hook(hook, self.user, **sent)
        return Response(self.serialize(self.get_hook(pk)))


class HookTest(HookAPIView):
    """POST `{"event_type"?}` to send a real test event through the workers; its delivery shows the result."""

    permissions = {"POST": Permission.TEST_HOOKS}

    def post(self, request: Request, owner: UUID, hook: UUID) -> Response:
        found = self.get_hook(hook)
        sent = check_body(request.data)
        check(sent, {"event_type": str})
        try:
            delivery = test_sends.send_hook_test(found, sent.get("event_type", _choose_first_type(found)), self.user)
        except test_sends.CannotTest as problem:
            raise make_invalid({"event_type": str(problem)}) from None
        return Response({"delivery": delivery.public_id}, status=status.HTTP_202_ACCEPTED)


def _choose_first_type(hook: Hook) -> str:
    """Return the first type in the catalogue that the hook matches."""
    asked = catalogue.expand(hook.events or ())
    return next((each.name for each in catalogue.TYPES if each.name in asked), _TRIED_FIRST)


class HookVerify(HookAPIView):
    """POST to ask the service whether the token is valid; no message is posted there."""

    permissions = {"POST": Permission.TEST_HOOKS}

    def post(self, request: Request, owner: UUID, hook: UUID) -> Response:
        found = self.get_hook(hook)
        check(check_body(request.data), {})
        if not verifying.can_be_verified(found):
            raise make_invalid({"format": "In this format there is no token that could be verified."})
        verified, explanation = verifying.verify_hook(found, self.user, Draft.of(found, ""))
        return Response({"verified": verified, "explanation": explanation})


class RotateSecret(HookAPIView):
    """POST to get a new secret, shown only now; the old one signs too for a while."""

    permissions = {"POST": Permission.MANAGE_HOOKS}

    def post(self, request: Request, owner: UUID, hook: UUID) -> Response:
        found = self.get_hook(hook)
        check(check_body(request.data), {})
        with answer_field_errors():
            return Response({"secret": rules.rotate_secret(found, self.user)})
