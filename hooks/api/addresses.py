"""Actions by API on an address that an e-mail hook names but does not reach."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from hooks.api.hooks import HookAPIView
from hooks.manage import address_actions
from notifications_project.accounts.roles import Permission
from notifications_project.api.errors import make_invalid
from notifications_project.api.shapes import check, check_body


class HookAddress(HookAPIView):
    """POST `{"address"}` to `resubscribe`, `ask-again` (confirmation) or `try-again` (after a refusal)."""

    permissions = {"POST": Permission.MANAGE_HOOKS}
    action = ""

    def post(self, request: Request, owner: UUID, hook: UUID) -> Response:
        found = self.get_hook(hook)
        sent = check_body(request.data)
        check(sent, {"address": str}, frozenset({"address"}))
        try:
            address_actions.ACTIONS[self.action](found, sent["address"], self.user)
        except address_actions.UnknownAddress as problem:
            raise make_invalid({"address": str(problem)}) from None
        return Response(self.serialize(self.get_hook(hook)))
