"""`{% load hook_lists %}`: the list that a hook stands in, *E-mails* or *Webhooks*."""

from __future__ import annotations

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from hooks.models import Hook
from notifications_project.accounts.models import Organization

register = template.Library()


@register.simple_tag
def hook_list_url(organization: Organization, kind: str) -> str:
    """Return the address of the list of an organization's hooks of this kind."""
    page = "hooks:emails" if kind == Hook.Kind.EMAIL else "hooks:webhooks"
    return reverse(page, args=[organization.public_id])


@register.simple_tag
def hook_list_link(organization: Organization, kind: str) -> SafeString:
    """Return a link to that list, for the path above a page's title."""
    label = gettext("E-mails") if kind == Hook.Kind.EMAIL else gettext("Webhooks")
    return format_html('<a href="{}">{}</a>', hook_list_url(organization, kind), label)
