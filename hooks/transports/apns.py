"""APNs sends pushes to Apple: each is a POST with the device's token in its path.

An error of the operator's key or topic, or of the connection to Apple, is no device's fault: its answer is marked
`transport_down`, and all pushes wait. A push whose connection broke after it was sent counts as an attempt.

Source of paths, headers and reasons: Apple's "Sending notification requests to APNs" and "Handling notification
responses from APNs".
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext_noop as _

from hooks import formats
from hooks.messages import Answer, Message, Notification, Verdict
from hooks.remarks import advise
from hooks.transports.apns_connection import Broken, Connection, Late, Reply, Trace, Unreachable
from hooks.transports.apns_token import ProviderToken
from hooks.transports.http import parse_retry_after
from hooks.wording import plain
from notifications_project import json_text
from notifications_project.masking import DOTS, mask

_KEPT_BY_APPLE = 24 * 3600  # seconds for which Apple keeps a push for a device that is off
_AFTER_TROUBLE = 15 * 60  # seconds; Apple asks to wait so long after a 5xx
_KEEP = 4 * 1024  # bytes of an answer that are stored
_ABOUT_THE_KEY = _("check APNS_KEY, APNS_KEY_ID and APNS_TEAM_ID")
_ABOUT_THE_TOPIC = _("check APNS_TOPIC")
_ABOUT_THE_ENVIRONMENT = _("check that the key is for the environment of APNS_ENVIRONMENT")


class _Reason(NamedTuple):
    """The judgement of a reason. `meaning` is None where all pushes wait for the operator."""

    meaning: Verdict | None
    text: str


# Every reason that Apple documents. Others are judged by the status.
REASONS = {
    # About the device: no push to it can ever arrive.
    "BadDeviceToken": _Reason(Verdict.GONE, _("Apple knows no such device in this environment")),
    "DeviceTokenNotForTopic": _Reason(Verdict.GONE, _("The device's token is of another app")),
    "ExpiredToken": _Reason(Verdict.GONE, _("The device's token has expired")),
    "Unregistered": _Reason(Verdict.GONE, _("The app was removed from the device, or is no longer allowed to notify")),
    # About the message.
    "BadCollapseId": _Reason(Verdict.FAILED, _("Apple does not take the collapse id")),
    "BadExpirationDate": _Reason(Verdict.FAILED, _("Apple does not take the expiration date")),
    "BadMessageId": _Reason(Verdict.FAILED, _("Apple does not take the message id")),
    "BadPriority": _Reason(Verdict.FAILED, _("Apple does not take the priority")),
    "DuplicateHeaders": _Reason(Verdict.FAILED, _("Apple got a header twice")),
    "InvalidPushType": _Reason(Verdict.FAILED, _("Apple does not take the push type")),
    "MissingDeviceToken": _Reason(Verdict.FAILED, _("Apple got no device token")),
    "PayloadEmpty": _Reason(Verdict.FAILED, _("Apple got an empty message")),
    "PayloadTooLarge": _Reason(Verdict.FAILED, _("The message is too large for Apple")),
    # About the operator's settings.
    "BadCertificate": _Reason(None, _ABOUT_THE_KEY),
    "BadCertificateEnvironment": _Reason(None, _ABOUT_THE_ENVIRONMENT),
    "BadEnvironmentKeyIdInToken": _Reason(None, _ABOUT_THE_ENVIRONMENT),
    "BadEnvironmentKeyInToken": _Reason(None, _ABOUT_THE_ENVIRONMENT),
    "BadPath": _Reason(None, _("check APNS_ADDRESS")),
    "BadTopic": _Reason(None, _ABOUT_THE_TOPIC),
    "ExpiredProviderToken": _Reason(None, _("check the clock of this machine")),
    "Forbidden": _Reason(None, _ABOUT_THE_KEY),
    "InvalidProviderToken": _Reason(None, _ABOUT_THE_KEY),
    "MethodNotAllowed": _Reason(None, _("check APNS_ADDRESS")),
    "MissingProviderToken": _Reason(None, _ABOUT_THE_KEY),
    "MissingTopic": _Reason(None, _ABOUT_THE_TOPIC),
    "TopicDisallowed": _Reason(None, _("check APNS_TOPIC, and that the key is for this app")),
    "UnrelatedKeyIdInToken": _Reason(None, _ABOUT_THE_KEY),
    # Temporary.
    "IdleTimeout": _Reason(Verdict.RETRY, _("Apple closed the connection")),
    "InternalServerError": _Reason(Verdict.RETRY, _("Apple has trouble of its own")),
    "ServiceUnavailable": _Reason(Verdict.RETRY, _("Apple's service is not available")),
    "Shutdown": _Reason(Verdict.RETRY, _("Apple's server is shutting down")),
    "TooManyProviderTokenUpdates": _Reason(Verdict.RETRY, _("Apple saw this console change its token too often")),
    "TooManyRequests": _Reason(Verdict.RETRY, _("Apple got too many pushes for this device")),
}
_UNREADABLE = _("The device's token cannot be read (ENCRYPTION_KEYS). Its app registers it again when it starts")
_REGISTERED_SINCE = _("Apple says that the device was gone, but that was before it registered here.")


@dataclass(frozen=True)
class _Provider:
    """The connection of this process to Apple, and the token that it authenticates with."""

    key: tuple[Any, ...]
    connection: Connection
    token: ProviderToken


_provider: _Provider | None = None
_changing = threading.Lock()


def get_provider() -> _Provider:
    """Return the provider of this process, made anew when the process has forked or the settings have changed."""
    global _provider
    key = (
        os.getpid(), settings.APNS_ADDRESS, settings.APNS_CA_FILE, settings.APNS_KEY, settings.APNS_KEY_ID,
        settings.APNS_TEAM_ID,
    )  # fmt: skip
    with _changing:
        if _provider is None or _provider.key != key:
            if _provider and _provider.key[0] == key[0]:
                _provider.connection.close()
            _provider = _Provider(
                key,
                Connection(settings.APNS_ADDRESS, settings.APNS_CA_FILE),
                ProviderToken(settings.APNS_KEY, settings.APNS_KEY_ID, settings.APNS_TEAM_ID),
            )
        return _provider


def send(notifications: Sequence[Notification], may_start: Callable[[], bool]) -> Generator[Answer, None, None]:
    """Push each notification to its device and yield its answer. Stops after the first answer that is no success."""
    for notification in notifications:
        if not may_start():
            return
        answer = push(notification)
        yield answer
        if not answer.arrived:
            return


def push(notification: Notification) -> Answer:
    """Make one attempt and return its answer, also for every error of the connection."""
    started = time.monotonic()
    trace = Trace(started + settings.DELIVERY_TIMEOUT)
    message = formats.FORMATS[notification.format].write(notification)
    headers = _make_headers(notification, message)
    request = {
        "method": "POST",
        # The token is masked: more people may read the record than may push to the device.
        "url": f"{settings.APNS_ADDRESS}/3/device/{mask(notification.address)}",
        "headers": {**headers, "authorization": f"bearer {DOTS}"},
        "body": message.body.decode(),
    }

    def answer(code: str, text: str, **more: Any) -> Answer:
        took = int((time.monotonic() - started) * 1000)
        known: dict[str, Any] = {"request": request, "timings": trace.timings, "dialled": trace.dialled}
        return Answer(code, text, started, took, **known, **more)

    if not notification.address:
        return answer("unreadable", advise(_UNREADABLE))
    try:
        reply = _exchange(notification, headers, message.body, trace)
    except Unreachable as error:
        text = advise(_("Apple's push service cannot be reached: %(error)s"), error=error.why)
        return answer("connection", text, transport_down=True)
    except Late:
        text = advise(_("Apple did not answer within %(seconds)s s"), seconds=settings.DELIVERY_TIMEOUT)
        return answer("time-out", text)
    except Broken:
        return answer("connection", advise(_("Apple closed the connection without an answer")))
    return answer(str(reply.status), **_judge(reply, notification))


def _make_headers(notification: Notification, message: Message) -> dict[str, str]:
    return {
        "apns-id": str(notification.delivery),  # equal on every attempt, so that Apple drops a repeated push
        "apns-topic": settings.APNS_TOPIC,
        "apns-expiration": str(int(time.time()) + _KEPT_BY_APPLE),
        "content-type": message.content_type,
        **message.headers,
    }


def _exchange(notification: Notification, headers: dict[str, str], body: bytes, trace: Trace) -> Reply:
    """Post one push and return the answer. If our token has expired, renew it and post once more."""
    us, path = get_provider(), f"/3/device/{notification.address}"
    token = us.token.get_current()
    reply = us.connection.post(path, {**headers, "authorization": f"bearer {token}"}, body, trace)
    if _read_json(reply).get("reason") == "ExpiredProviderToken" and (newer := us.token.renew(token)):
        reply = us.connection.post(path, {**headers, "authorization": f"bearer {newer}"}, body, trace)
    return reply


def _judge(reply: Reply, notification: Notification) -> dict[str, Any]:
    """Judge a reply; return the fields of an `Answer`."""
    wait = parse_retry_after(reply.headers.get("retry-after", ""))
    kept = {name: value[:200] for name, value in reply.headers.items() if name.startswith("apns-")}
    if wait is not None:
        kept["retry-after"] = reply.headers["retry-after"][:200]
    body = reply.body[:_KEEP].decode("utf-8", "replace").replace("\x00", "�")
    fields: dict[str, Any] = {
        "status": reply.status,
        "response": {"status": reply.status, "headers": kept, "body": body},
        "retry_after": _AFTER_TROUBLE if wait is None and reply.status >= 500 else wait,
    }
    if 200 <= reply.status < 300:
        return {**fields, "text": advise(_("Accepted by Apple"))}
    said = _read_json(reply)
    name = said.get("reason")
    reason = REASONS.get(name) if isinstance(name, str) else None
    if reason is None:
        # Apple gave no reason, or one that is not documented yet: the status decides.
        if isinstance(name, str):
            what = advise(_("Apple's push service answered %(reason)s."), reason=plain.make_line(name, 60))
        else:
            what = advise(_("Apple's push service answered without a reason."))
        return {**fields, "text": what, "meaning": Verdict.FAILED if reply.status in {400, 413, 422} else Verdict.RETRY}
    if reason.meaning is None:
        text = advise(
            _("Apple takes no pushes from this console (%(reason)s): %(advice)s"),
            reason=str(name),
            advice=advise(reason.text),
        )
        return {**fields, "text": text, "transport_down": True}
    meaning, text = reason.meaning, advise("%(said)s (%(reason)s).", said=advise(reason.text), reason=str(name))
    if reply.status == 410 and not _is_news(said.get("timestamp"), notification):
        meaning, text = Verdict.RETRY, advise(_REGISTERED_SINCE)
    return {**fields, "text": text, "meaning": meaning}


def _is_news(since: Any, notification: Notification) -> bool:
    """Tell whether the device was removed after it registered here; `since` is in milliseconds since 1970."""
    registered = notification.options.get("registered_at", 0)
    return isinstance(since, int | float) and since > registered


def _read_json(reply: Reply) -> dict[str, Any]:
    if reply.status == 200:
        return {}
    try:
        found = json_text.parse(reply.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
