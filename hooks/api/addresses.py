"""By API: what is to be done about an address that an e-mail hook names and that is not told."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from hooks import addresses
from hooks.api.hooks import HookAPIView
from notifications_project.accounts.roles import Permission
from notifications_project.api_errors import invalid
from notifications_project.api_shapes import body, check


class HookAddress(HookAPIView):
    """POST `{"address"}`: `resubscribe` who left, `ask-again` who is to confirm, `try-again` who was refused."""

    permissions = {"POST": Permission.MANAGE_HOOKS}
    action = ""

    def post(self, request: Request, owner: UUID, hook: UUID) -> Response:
        found = self.hook(hook)
        sent = body(request.data)
        check(sent, {"address": str}, frozenset({"address"}))
        try:
            addresses.ACTIONS[self.action](found, sent["address"], self.user)
        except addresses.UnknownAddress as problem:
            raise invalid({"address": str(problem)}) from None
        return Response(self.json(self.hook(hook)))
