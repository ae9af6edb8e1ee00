"""The URLs of the API of hooks and deliveries."""

from __future__ import annotations

from django.urls import include, path

from hooks.api import addresses, channels, deliveries, devices, explanations, formats, hooks, settings

_of_organization = [
    path("hooks/", hooks.HookList.as_view(), name="api-hooks"),
    path("hooks/<hook:hook>/", hooks.HookDetail.as_view(), name="api-hook"),
    path("hooks/<hook:hook>/test/", hooks.HookTest.as_view(), name="api-hook-test"),
    path("hooks/<hook:hook>/verify/", hooks.HookVerify.as_view(), name="api-hook-verify"),
    path(
        "hooks/<hook:hook>/resubscribe/",
        addresses.HookAddress.as_view(action="resubscribe"),
        name="api-hook-resubscribe",
    ),
    path("hooks/<hook:hook>/ask-again/", addresses.HookAddress.as_view(action="ask-again"), name="api-hook-ask-again"),
    path("hooks/<hook:hook>/try-again/", addresses.HookAddress.as_view(action="try-again"), name="api-hook-try-again"),
    path("hooks/<hook:hook>/rotate-secret/", hooks.RotateSecret.as_view(), name="api-hook-rotate-secret"),
    path("events/<event:event>/explanation/", explanations.EventExplanation.as_view(), name="api-event-explanation"),
    path("deliveries/", deliveries.DeliveryList.as_view(), name="api-deliveries"),
    path("deliveries/redeliver/", deliveries.RedeliverMany.as_view(), name="api-deliveries-redeliver"),
    path("deliveries/<delivery:delivery>/", deliveries.DeliveryDetail.as_view(), name="api-delivery"),
    path("deliveries/<delivery:delivery>/redeliver/", deliveries.Redeliver.as_view(), name="api-delivery-redeliver"),
]

_one_channel = [
    path("", channels.ChannelDetail.as_view(), name="api-channel"),
    path("test/", channels.ChannelTest.as_view(), name="api-channel-test"),
    path("verify/", channels.ChannelVerify.as_view(), name="api-channel-verify"),
    path("rotate-secret/", channels.ChannelRotateSecret.as_view(), name="api-channel-rotate-secret"),
    path("enable/", channels.ChannelEnable.as_view(), name="api-channel-enable"),
]

urlpatterns = [
    path("me/notification-settings/", settings.NotificationSettings.as_view(), name="api-notification-settings"),
    path("me/channels/", channels.ChannelList.as_view(), name="api-channels"),
    path("me/channels/<slug:kind>/", include(_one_channel)),
    path("me/devices/", devices.DeviceList.as_view(), name="api-devices"),
    path("me/devices/<device:device>/", devices.DeviceDetail.as_view(), name="api-device"),
    path("formats/", formats.FormatList.as_view(), name="api-formats"),
    path("organizations/<owner:owner>/", include(_of_organization)),
]
