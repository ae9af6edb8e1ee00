"""Addresses of the pages about one's own channels, below those of *My notifications*."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from hooks.views import channel_form, channel_secret, channel_trial, channels, own_deliveries, own_devices, snooze

one_channel: list[URLPattern | URLResolver] = [
    path("", channel_form.set_up, name="channel-set-up"),
    path("verify/", channel_form.verify_token, name="channel-verify"),
    path("preview/", channel_form.preview_form, name="channel-preview"),
    path("test/", channel_trial.test, name="channel-test"),
    path("rotate-secret/", channels.rotate_secret, name="channel-rotate-secret"),
    path("secret/", channel_secret.secret, name="channel-secret"),
    path("enable/", channels.enable, name="channel-enable"),
    path("remove/", channels.remove, name="channel-remove"),
    path("deliveries/", own_deliveries.index, name="channel-deliveries"),
    path("deliveries/redeliver/", own_deliveries.redeliver_selected, name="channel-redeliver"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("channels/", channels.index, name="channels"),
    path("channels/advice/", channel_form.advice, name="channel-advice"),
    path("channels/devices/<device:device>/rename/", own_devices.rename, name="device-rename"),
    path("channels/devices/<device:device>/remove/", own_devices.remove, name="device-remove"),
    path("channels/<slug:kind>/", include(one_channel)),
    path("deliveries/<delivery:delivery>/", own_deliveries.detail, name="own-delivery"),
    path("deliveries/<delivery:delivery>/redeliver/", own_deliveries.redeliver, name="own-redeliver"),
    path("snooze/", snooze.snooze, name="snooze"),
]
