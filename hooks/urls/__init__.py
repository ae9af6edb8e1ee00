"""Addresses of the pages about hooks and deliveries."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from hooks.models import Hook
from hooks.views.deliveries import deliveries, explaining
from hooks.views.mail_links import mail_links
from hooks.views.manage import addresses, editing, lists, preview, switches, testing, verifying
from hooks.views.preferences import last_days, my_notifications, scopes

app_name = "hooks"

one_hook: list[URLPattern | URLResolver] = [
    path("", editing.edit, name="hook"),
    path("delete/", switches.delete, name="delete"),
    path("enable/", switches.enable, name="enable"),
    path("disable/", switches.disable, name="disable"),
    path("pause/", switches.pause, name="pause"),
    path("resume/", switches.resume, name="resume"),
    path("rotate-secret/", switches.rotate_secret, name="rotate-secret"),
    path("secret/", editing.show_stashed_secret, name="secret"),
    path("resubscribe/", addresses.change, {"action": "resubscribe"}, name="resubscribe"),
    path("ask-again/", addresses.change, {"action": "ask-again"}, name="ask-again"),
    path("try-again/", addresses.change, {"action": "try-again"}, name="try-again"),
    path("test/", testing.test, name="test"),
    path("verify/", verifying.show_verification, name="verify"),
    path("preview/", preview.preview_hook, name="preview"),
    path("preview/mail/", preview.show_mail_of_hook, name="preview-mail"),
]

of_organization: list[URLPattern | URLResolver] = [
    path("notifications/", lists.show_notifications, name="notifications"),
    path("notifications/emails/", lists.show_emails, name="emails"),
    path("notifications/emails/add/", editing.add_email_hook, name="add-email-hook"),
    path("notifications/webhooks/", lists.show_webhooks, name="webhooks"),
    path("notifications/webhooks/add/", editing.add_webhook, name="add-webhook"),
    path("notifications/emails/preview/", preview.preview_new, {"kind": Hook.Kind.EMAIL}, name="preview-new-email"),
    path("notifications/emails/preview/mail/", preview.show_mail_of_new, name="preview-new-email-mail"),
    path(
        "notifications/webhooks/preview/", preview.preview_new, {"kind": Hook.Kind.WEBHOOK}, name="preview-new-webhook"
    ),
    path("notifications/webhooks/verify/", verifying.show_verification_of_new, name="verify-new"),
    path("notifications/webhooks/advice/", editing.show_advice, name="advice"),
    path("hooks/<hook:hook>/", include(one_hook)),
    path("events/<event:event>/explain/", explaining.explain, name="explain"),
    path("deliveries/", deliveries.index, name="deliveries"),
    path("deliveries/redeliver/", deliveries.redeliver_selected, name="redeliver-selected"),
    path("deliveries/<delivery:delivery>/", deliveries.show_delivery, name="delivery"),
    path("deliveries/<delivery:delivery>/redeliver/", deliveries.redeliver, name="redeliver"),
]

my_notifications_urls: list[URLPattern | URLResolver] = [
    path("", my_notifications.index, name="my-notifications"),
    path("set/", my_notifications.change, name="my-notifications-set"),
    path("undo/", my_notifications.undo, name="my-notifications-undo"),
    path("always/", my_notifications.mark, name="my-notifications-always"),
    path("choose/", scopes.choose, name="my-notifications-scopes"),
    path("last-days/", last_days.index, name="my-notifications-last-days"),
]

urlpatterns = [
    path("organizations/<owner:owner>/", include(of_organization)),
    path("account/notifications/", include("hooks.urls.own")),
    path("account/notifications/", include(my_notifications_urls)),
    # The addresses of `mail_links`.
    path("unsubscribe/<str:token>/", mail_links.unsubscribe, name="unsubscribe"),
    path("unsubscribe/<str:token>/change/", mail_links.change, name="unsubscribe-change"),
    path("confirm/<str:token>/", mail_links.confirm, name="confirm"),
]
