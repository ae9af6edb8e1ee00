"""The caller's own channels by API: setting up, changing, silencing, testing, verifying and removing them."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from hooks.api.own import OwnAPIView
from hooks.api.presentation import serialize_health
from hooks.audience.quiet_times import find_quiet_end
from hooks.channels import cards, services
from hooks.deliveries import test_sends
from hooks.endpoints import devices, lookup
from hooks.endpoints.options import mask_endpoint_url, read_options
from hooks.endpoints.validation import InvalidRule
from hooks.models import Channel, Device, Endpoint
from hooks.preview import verifying
from hooks.preview.preview import Draft, choose_first_type
from notifications_project import ids
from notifications_project.accounts.organizations import ensure_personal_space
from notifications_project.api.errors import answer_field_errors, make_invalid
from notifications_project.api.lists import answer_whole
from notifications_project.api.shapes import Shape, check, check_body

Kind = Channel.Kind
_QUIET: dict[str, Shape] = {"snoozed_until": str | None, "quiet_hours": dict | None}
_LEADS: dict[str, Shape] = {"url": str, "format": str, "options": dict}
_READ_ONLY = frozenset(
    {"id", "kind", "set_up", "state", "address", "devices", "quiet_until", "waiting", "health", "explanation"}
)
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


class ChannelAPIView(OwnAPIView):
    def get_channel(self, kind: str) -> Channel:
        """Return the channel of a kind; 404 for HipChat or webhook before it is set up."""
        found = self.list_channels()[kind] if kind in Kind.values else None
        if found is None or not _is_there(found):
            raise NotFound("You have no such channel.")
        return found

    def list_channels(self) -> dict[str, Channel]:
        """Return a channel of each kind; those that are not set up are not in the database."""
        there = services.list_channels(self.user)
        found = {kind: there.get(kind) or Channel(user=self.user, kind=kind) for kind in Kind.values}
        for channel in found.values():
            channel.user = self.user
        return found


class ChannelList(ChannelAPIView):
    """GET all kinds, including those that are not set up."""

    def get(self, request: Request) -> Response:
        return answer_whole(map(serialize_channel, self.list_channels().values()))


class ChannelDetail(ChannelAPIView):
    """GET, PUT (set up or replace the destination), PATCH (change the given fields) and DELETE a channel.

    Only the answer to the PUT that creates a signed webhook contains its `secret`.
    """

    def get(self, request: Request, kind: str) -> Response:
        return Response(serialize_channel(self.get_channel(kind)))

    def put(self, request: Request, kind: str) -> Response:
        known = kind in services.WITH_ENDPOINT and not _is_there(self.list_channels()[kind])
        sent = self._read_sent(request, kind if known else self.get_channel(kind).kind)
        secret = ""
        with answer_field_errors():
            if kind in services.WITH_ENDPOINT:
                leads = {"url": "", "format": "", "options": {}} | {name: sent[name] for name in _LEADS if name in sent}
                _, secret = services.set_up(self.user, kind, **leads)
            self._change_quiet_times(kind, sent)
        shown = serialize_channel(self.get_channel(kind)) | ({"secret": secret} if secret else {})
        return Response(shown, status=status.HTTP_201_CREATED if known else status.HTTP_200_OK)

    def patch(self, request: Request, kind: str) -> Response:
        channel = self.get_channel(kind)
        sent = self._read_sent(request, kind)
        with answer_field_errors():
            if channel.endpoint and sent.keys() & _LEADS.keys():
                stands = _serialize_destination(channel.endpoint)
                if sent.get("format", stands["format"]) != stands["format"]:
                    stands["options"] = {}  # another format has other options
                services.set_up(self.user, kind, **(stands | {name: sent[name] for name in _LEADS if name in sent}))
            self._change_quiet_times(kind, sent)
        return Response(serialize_channel(self.get_channel(kind)))

    def delete(self, request: Request, kind: str) -> Response:
        with answer_field_errors():
            services.remove(self.get_channel(kind))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _read_sent(self, request: Request, kind: str) -> dict[str, Any]:
        """Parse the writable fields of a request. Read-only ones are dropped: the JSON of a GET can be sent back."""
        sent = {name: value for name, value in check_body(request.data).items() if name not in _READ_ONLY}
        leads = _LEADS if kind in services.WITH_ENDPOINT else {}
        check(sent, leads | _QUIET)
        if kind == Kind.HIPCHAT and sent.pop("format", "hipchat") != "hipchat":
            raise make_invalid({"format": "HipChat has one format. A webhook has others."})
        sent |= {
            name: read(sent[name])
            for name, read in (("snoozed_until", _parse_until), ("quiet_hours", _parse_hours))
            if name in sent
        }
        return sent

    def _change_quiet_times(self, kind: str, sent: dict[str, Any]) -> None:
        """Change snooze and quiet hours if they differ: an unchanged snooze may be over by now, which is no error."""
        stands = self.get_channel(kind)
        own = (stands.quiet_from, stands.quiet_until) if stands.quiet_from and stands.quiet_until else None
        until, hours = sent.get("snoozed_until", stands.snoozed_until), sent.get("quiet_hours", own)
        try:
            with transaction.atomic():  # else an error of the hours would leave the snooze changed
                if until != stands.snoozed_until:
                    services.snooze(self.user, [kind], until)
                if hours != own:
                    services.set_quiet_hours(self.user, kind, hours)
        except InvalidRule as problem:
            names = {"until": "snoozed_until", "quiet_until": "quiet_hours.until"}
            raise make_invalid({names.get(name, name): text for name, text in problem.errors.items()}) from None


class ChannelTest(ChannelAPIView):
    """POST `{"event_type"?, "device"?}` to send a real test; its delivery in the personal space shows the result."""

    def post(self, request: Request, kind: str) -> Response:
        channel, sent = self.get_channel(kind), check_body(request.data)
        check(sent, {"event_type": str, "device": str})
        try:
            endpoint = self._choose_endpoint(channel, sent.get("device"))
            delivery = test_sends.send_endpoint_test(
                endpoint, sent.get("event_type") or choose_first_type([]), self.user
            )
        except test_sends.CannotTest as problem:
            raise make_invalid({"event_type": str(problem)}) from None
        return Response({"delivery": delivery.public_id}, status=status.HTTP_202_ACCEPTED)

    def _choose_endpoint(self, channel: Channel, device: str | None) -> Endpoint:
        """Return the endpoint for the test: for iOS of the given device, else of the first by name."""
        if channel.endpoint:
            return channel.endpoint
        if channel.kind == Kind.EMAIL:
            return lookup.get_or_create_mail_endpoint(ensure_personal_space(self.user), self.user.email)
        mine = Device.objects.filter(user=self.user).select_related("endpoint__organization").order_by("name", "pk")
        found = next((each for each in mine if device in (None, each.public_id)), None)
        if found is None:
            raise make_invalid({"device": "You have no such device." if device else "There is no device yet."})
        return found.endpoint


class ChannelVerify(ChannelAPIView):
    """POST to ask the service whether the token is valid; no message is posted there."""

    def post(self, request: Request, kind: str) -> Response:
        channel = self.get_channel(kind)
        check(check_body(request.data), {})
        endpoint = channel.endpoint
        if endpoint is None or not verifying.can_verify(endpoint.format):
            raise make_invalid({"format": "In this format there is no token that could be verified."})
        draft = Draft(str(channel.get_kind_display()), endpoint.format, endpoint.whole_address, read_options(endpoint))
        verified, explanation = verifying.verify_channel(channel, draft)
        return Response({"verified": verified, "explanation": explanation})


class ChannelRotateSecret(ChannelAPIView):
    """POST to get a new signing secret, shown only now; the old one signs too for a while."""

    def post(self, request: Request, kind: str) -> Response:
        channel = self.get_channel(kind)
        check(check_body(request.data), {})
        with answer_field_errors():
            return Response({"secret": services.rotate_secret(channel)})


class ChannelEnable(ChannelAPIView):
    """POST to enable a channel that was disabled; its held deliveries are sent."""

    def post(self, request: Request, kind: str) -> Response:
        channel = self.get_channel(kind)
        check(check_body(request.data), {})
        services.enable(channel)
        return Response(serialize_channel(self.get_channel(kind)))


def serialize_channel(channel: Channel) -> dict[str, Any]:
    """Return the JSON of the caller's own channel, with whole URLs, and the first characters of secret options."""
    card = cards.build_card(channel, timezone.now())
    hours = (
        channel.quiet_from
        and channel.quiet_until
        and {
            "from": f"{channel.quiet_from:%H:%M}",
            "until": f"{channel.quiet_until:%H:%M}",
        }
    )
    return {
        "kind": channel.kind,
        "id": ids.encode("chan", channel.pk) if _is_stored(channel) else None,
        "set_up": card.there,
        "state": card.state.condition,
        **_serialize_particulars(channel),
        "snoozed_until": channel.snoozed_until,
        "quiet_hours": hours or None,
        "quiet_until": find_quiet_end(channel, channel.user.time_zone, timezone.now()),
        "waiting": card.waiting,
        "health": serialize_health(channel.endpoint) if channel.endpoint else None,
        "explanation": devices.explain_no_push() if channel.kind == Kind.IOS else card.trouble,
    }


def _serialize_particulars(channel: Channel) -> dict[str, Any]:
    if channel.kind == Kind.EMAIL:
        return {"address": channel.user.email}
    if channel.kind == Kind.IOS:
        mine = Device.objects.filter(user=channel.user).order_by("name", "pk")
        return {"devices": [ids.encode("dev", pk) for pk in mine.values_list("pk", flat=True)]}
    if channel.endpoint is None:
        return {"url": "", "format": "", "options": {}}
    return _serialize_destination(channel.endpoint)


def _serialize_destination(endpoint: Endpoint) -> dict[str, Any]:
    return {"url": mask_endpoint_url(endpoint), "format": endpoint.format, "options": endpoint.options}


def _is_stored(channel: Channel) -> bool:
    return not channel._state.adding


def _is_there(channel: Channel) -> bool:
    return channel.kind not in services.WITH_ENDPOINT or _is_stored(channel)


def _parse_until(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise make_invalid({"snoozed_until": "Must be a time such as 2026-01-05T12:30:45Z, or null."}) from None
    if when.tzinfo is None:
        raise make_invalid({"snoozed_until": "Needs its offset from UTC: Z, or one such as +02:00."})
    return when


def _parse_hours(sent: dict[str, Any] | None) -> tuple[time, time] | None:
    if sent is None:
        return None
    check(sent, {"from": str, "until": str}, frozenset({"from", "until"}), where="quiet_hours.")
    if wrong := [name for name, text in sent.items() if not _CLOCK.fullmatch(text)]:
        raise make_invalid({f"quiet_hours.{name}": "Must be a time of the day such as 22:00." for name in wrong})
    return time.fromisoformat(sent["from"]), time.fromisoformat(sent["until"])
