"""A user's new address: what was for the old one goes there, in every organization the user belongs to.

Hooks that name the old address name the new one, who unsubscribed stays so, and what waits is sent to the new address.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from hooks import clock
from hooks.locking import lock_endpoints
from hooks.models import Delivery, Endpoint, Hook, Unsubscription
from hooks.queue import pending
from hooks.queue.wakeup import wake
from hooks.remarks import Remark, RemarkCode
from notifications_project.accounts.models import Organization, User


def readdress(user: User, before: str) -> None:
    """Move what hooks, opt-outs and waiting mails have under a user's former address `before` to the new one.

    Call it inside the transaction that changes the address, with the user's organizations locked.
    """
    for organization in Organization.objects.filter(memberships__user=user).order_by("pk"):
        _rename_in_hooks(organization, before, user.email)
        _move(organization, before, user.email)
    wake()


def _rename_in_hooks(organization: Organization, before: str, after: str) -> None:
    """Rename the address in hooks that name it: an administrator who typed a member's address meant the member."""
    hooks = Hook.objects.existing().filter(organization=organization, kind=Hook.Kind.EMAIL)
    for hook in hooks.exclude(notify_addresses=[]):
        if before.lower() in map(str.lower, hook.notify_addresses):
            kept = [each for each in hook.notify_addresses if each.lower() not in {before.lower(), after.lower()}]
            hook.notify_addresses = [*kept, after]
            hook.save(update_fields=["notify_addresses"])


def _move(organization: Organization, before: str, after: str) -> None:
    mails = Endpoint.objects.for_addresses([before, after]).filter(organization=organization)
    found = {endpoint.address.lower(): endpoint for endpoint in lock_endpoints(mails.without_secrets())}
    old, new = found.get(before.lower()), found.get(after.lower())
    if old is None:
        return
    if new is None or new.pk == old.pk:
        old.address, old.ask_at = after, None
        old.save(update_fields=["address", "ask_at"])
        new = old
    else:
        _merge(old, new)
    pending.forget_answers(new)
    pending.reactivate(new)  # what the mail server said of the old address says nothing about this one


def _merge(old: Endpoint, new: Endpoint) -> None:
    """Both addresses were told before: what waits goes to the new one, once."""
    waits = Delivery.objects.pending_for(old)
    twice = waits.filter(Exists(Delivery.objects.filter(endpoint=new, event=OuterRef("event"))))
    twice.cancel(Remark(RemarkCode.SENT_TO_NEW_ADDRESS), clock.now())
    waits.update(endpoint=new)
    known = Unsubscription.objects.filter(endpoint=new).values("hook")
    Unsubscription.objects.filter(endpoint=old).exclude(hook__in=known).update(endpoint=new)
    Unsubscription.objects.filter(endpoint=old).delete()
    old.ask_at = None
    old.save(update_fields=["ask_at"])
