"""The base of `me/…` in the API, for objects that belong to the caller and to no organization."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.views import APIView

from notifications_project.accounts.access import get_signed_in_user
from notifications_project.accounts.models import ApiToken, User


class OwnAPIView(APIView):
    """The base view; sets `self.user`. It refuses a token for an organization, except for the personal space."""

    user: User

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.user = get_signed_in_user(request)
        token = request.auth
        if isinstance(token, ApiToken) and token.organization_id not in {None, self.user.pk}:
            raise PermissionDenied("This token opens one organization only; what is asked for is your own.")
