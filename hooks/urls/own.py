"""Addresses of the pages about one's own channels, below those of *My notifications*."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from hooks.views.channels import channels, devices, form, secret, snooze, testing
from hooks.views.deliveries import own_deliveries

one_channel: list[URLPattern | URLResolver] = [
    path("", form.set_up, name="channel-set-up"),
    path("verify/", form.verify_token, name="channel-verify"),
    path("preview/", form.preview_form, name="channel-preview"),
    path("test/", testing.test, name="channel-test"),
    path("rotate-secret/", channels.rotate_secret, name="channel-rotate-secret"),
    path("secret/", secret.show_stashed_secret, name="channel-secret"),
    path("enable/", channels.enable, name="channel-enable"),
    path("remove/", channels.remove, name="channel-remove"),
    path("deliveries/", own_deliveries.index, name="channel-deliveries"),
    path("deliveries/redeliver/", own_deliveries.redeliver_selected, name="channel-redeliver"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("channels/", channels.index, name="channels"),
    path("channels/advice/", form.show_advice, name="channel-advice"),
    path("channels/devices/<device:device>/rename/", devices.rename, name="device-rename"),
    path("channels/devices/<device:device>/remove/", devices.remove, name="device-remove"),
    path("channels/<slug:kind>/", include(one_channel)),
    path("deliveries/<delivery:delivery>/", own_deliveries.show_own_delivery, name="own-delivery"),
    path("deliveries/<delivery:delivery>/redeliver/", own_deliveries.redeliver, name="own-redeliver"),
    path("snooze/", snooze.show_snooze, name="snooze"),
]
