"""Signal handlers of the events app: record that an API token was made or revoked."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from events import authorizations
from notifications_project.accounts.models import User
from notifications_project.accounts.signals import token_made, token_revoked


@receiver(token_made)
def tell_of_a_new_token(sender: object, user: User, name: str, **kwargs: Any) -> None:
    authorizations.record(user, name, authorized=True)


@receiver(token_revoked)
def tell_of_the_end_of_a_token(sender: object, user: User, name: str, **kwargs: Any) -> None:
    authorizations.record(user, name, authorized=False)
