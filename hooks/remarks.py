"""Remarks: what the console says of an attempt, a delivery or an endpoint, as a code with parameters and as words.

A `Remark` is a string, its words in the language that was active when it was made or read. What somebody else said (a
receiver, a mail server) is plain text: by itself, or as a parameter of a remark. Columns that hold remarks hold such
texts as well, and words that were stored before there were codes: both are shown as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from notifications_project import graphemes

_BEGINNING = '{"code":'  # of every stored remark


class RemarkCode(StrEnum):
    TEXT = "text"  # somebody else's, which looks like a stored remark
    ADVICE = "advice"  # a format or a transport says what an answer of its service means: `advise`
    # Why a delivery was cancelled, or waits.
    NO_MEMBER = "no_member"
    USER_DEACTIVATED = "user_deactivated"
    HOOK_DELETED = "hook_deleted"
    HOOK_DISABLED = "hook_disabled"
    UNSUBSCRIBED = "unsubscribed"
    CHANNEL_REMOVED = "channel_removed"
    TURNED_OFF = "turned_off"
    SENT_TO_NEW_ADDRESS = "sent_to_new_address"
    DEVICE_OF_ANOTHER = "device_of_another"
    DEVICE_REMOVED = "device_removed"
    DEVICE_UNREADABLE = "device_unreadable"
    TOLD_IN_DIGEST = "told_in_digest"
    DELIVERY_UNREADABLE = "delivery_unreadable"
    # Why an endpoint was disabled.
    FAILED_TOO_LONG = "failed_too_long"
    BOUNCES = "bounces"
    BOUNCES_SAYING = "bounces_saying"
    SUPPRESSED = "suppressed"
    SUPPRESSED_SAYING = "suppressed_saying"
    MARKED_AS_SPAM = "marked_as_spam"
    # What was judged.
    ANSWER = "answer"
    SENTENCE = "sentence"
    DELIVERED = "delivered"
    DOES_NOT_COUNT = "does_not_count"
    ADDRESS_REFUSED = "address_refused"
    NO_FURTHER_TRY = "no_further_try"
    GONE_FOR_GOOD = "gone_for_good"
    NOTHING_SENT = "nothing_sent"
    MESSAGE_REFUSED = "message_refused"
    RELAY_REFUSED = "relay_refused"
    EXTRA_TRY = "extra_try"
    LAST_TRY = "last_try"
    REDIRECTED = "redirected"
    WRONG_CREDENTIALS = "wrong_credentials"
    NO_PERMISSION = "no_permission"
    NOT_FOUND = "not_found"
    NO_POST = "no_post"
    ASKED_TO_WAIT = "asked_to_wait"
    # What went wrong here.
    NOT_SENT = "not_sent"
    NOT_JUDGED = "not_judged"
    NOT_STORED = "not_stored"
    NOT_RECORDED = "not_recorded"
    # What went wrong on the way, over HTTP.
    TIME_OUT = "time_out"
    NAME_TOO_SLOW = "name_too_slow"
    NOT_CONNECTED = "not_connected"
    NAME_NOT_FOUND = "name_not_found"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_CLOSED = "connection_closed"
    CONNECTION_FAILED = "connection_failed"
    TLS_FAILED = "tls_failed"
    TLS_UNKNOWN = "tls_unknown"
    NOT_HTTP = "not_http"
    HEADERS_TOO_LONG = "headers_too_long"
    NO_FINAL_ANSWER = "no_final_answer"
    PRIVATE_ADDRESS = "private_address"
    FORBIDDEN_PORT = "forbidden_port"
    # Mail.
    RELAY_ACCEPTED = "relay_accepted"
    RELAY_TIME_OUT = "relay_time_out"
    RELAY_CLOSED = "relay_closed"
    RELAY_UNREACHABLE = "relay_unreachable"
    PROVIDER_ACCEPTED = "provider_accepted"
    PROVIDER_SUPPRESSES = "provider_suppresses"
    PROVIDER_CANNOT = "provider_cannot"
    PROVIDER_UNREACHABLE = "provider_unreachable"
    PROVIDER_REFUSES_US = "provider_refuses_us"
    PROVIDER_TROUBLE = "provider_trouble"
    PROVIDER_REFUSED = "provider_refused"


_WORDS: dict[RemarkCode, str | Promise] = {
    RemarkCode.TEXT: "%(text)s",
    RemarkCode.ADVICE: "%(text)s",
    RemarkCode.NO_MEMBER: _("No longer a member"),
    RemarkCode.USER_DEACTIVATED: _("The user was deactivated"),
    RemarkCode.HOOK_DELETED: _("The hook was deleted"),
    RemarkCode.HOOK_DISABLED: _("The hook was disabled"),
    RemarkCode.UNSUBSCRIBED: _("Unsubscribed from the hook"),
    RemarkCode.CHANNEL_REMOVED: _("The channel was removed"),
    RemarkCode.TURNED_OFF: _("The user turned this off"),
    RemarkCode.SENT_TO_NEW_ADDRESS: _("The recipient has another address, which already gets this"),
    RemarkCode.DEVICE_OF_ANOTHER: _("It was registered by another user"),
    RemarkCode.DEVICE_REMOVED: _("The device was removed"),
    RemarkCode.DEVICE_UNREADABLE: _("Its token can no longer be read, and the app registered it again"),
    RemarkCode.TOLD_IN_DIGEST: _("Told in one digest: %(digest)s"),
    RemarkCode.DELIVERY_UNREADABLE: _("It cannot be read; the log says why"),
    RemarkCode.FAILED_TOO_LONG: _("It failed for %(days)s days without a success."),
    RemarkCode.BOUNCES: _("%(provider)s says that mail to it bounces."),
    RemarkCode.BOUNCES_SAYING: _("%(provider)s says that mail to it bounces: %(said)s"),
    RemarkCode.SUPPRESSED: _("%(provider)s says that it sends nothing to it: %(reason)s."),
    RemarkCode.SUPPRESSED_SAYING: _("%(provider)s says that it sends nothing to it: %(reason)s: %(said)s"),
    RemarkCode.MARKED_AS_SPAM: _("%(provider)s says that the recipient marked a mail as spam."),
    RemarkCode.ANSWER: "%(status)s %(said)s",
    RemarkCode.SENTENCE: "%(said)s.",
    RemarkCode.DELIVERED: _("Delivered"),
    RemarkCode.DOES_NOT_COUNT: _("%(said)s. It does not count as an attempt."),
    RemarkCode.ADDRESS_REFUSED: _("The mail server refuses this address: %(status)s %(said)s"),
    RemarkCode.NO_FURTHER_TRY: _("%(said)s No further attempt."),
    RemarkCode.GONE_FOR_GOOD: _("The receiver says that this address is gone for good."),
    RemarkCode.NOTHING_SENT: _("%(said)s. Nothing was sent: no further attempt."),
    RemarkCode.MESSAGE_REFUSED: _("%(said)s. The receiver does not accept this message: no further attempt."),
    RemarkCode.RELAY_REFUSED: _("The mail relay refused it: %(said)s"),
    RemarkCode.EXTRA_TRY: _("%(said)s It was an extra attempt: the others follow as scheduled."),
    RemarkCode.LAST_TRY: _("%(said)s That was the last of %(tries)s attempts."),
    RemarkCode.REDIRECTED: _("%(said)s. Redirects are not followed: check the URL."),
    RemarkCode.WRONG_CREDENTIALS: _(
        "%(said)s. The receiver does not accept the credentials: check the URL and the secret."
    ),
    RemarkCode.NO_PERMISSION: _("%(said)s. The receiver refuses us: check its permissions and the URL."),
    RemarkCode.NOT_FOUND: _("%(said)s. Nothing answers at this URL: check its path."),
    RemarkCode.NO_POST: _("%(said)s. The URL does not take POST requests: check its path."),
    RemarkCode.ASKED_TO_WAIT: _("%(said)s. The receiver asked to wait %(seconds)s s."),
    RemarkCode.NOT_SENT: _("It could not be sent (%(error)s)"),
    RemarkCode.NOT_JUDGED: _("The answer cannot be judged"),
    RemarkCode.NOT_STORED: _("The answer cannot be stored"),
    RemarkCode.NOT_RECORDED: _("The result could not be recorded"),
    RemarkCode.TIME_OUT: _("No answer within %(seconds)s s"),
    RemarkCode.NAME_TOO_SLOW: _("The host name was not looked up in time"),
    RemarkCode.NOT_CONNECTED: _("The connection was not answered"),
    RemarkCode.NAME_NOT_FOUND: _("The host name was not found"),
    RemarkCode.CONNECTION_REFUSED: _("Connection refused"),
    RemarkCode.CONNECTION_CLOSED: _("The connection was closed without an answer"),
    RemarkCode.CONNECTION_FAILED: _("The connection failed"),
    RemarkCode.TLS_FAILED: _("TLS failed: %(error)s"),
    RemarkCode.TLS_UNKNOWN: _(
        "TLS failed: certificate verify failed (%(error)s). "
        "If its authority is a private one, enter the certificate of that authority in the form of the webhook."
    ),
    RemarkCode.NOT_HTTP: _("The answer was not valid HTTP"),
    RemarkCode.HEADERS_TOO_LONG: _("The answer's headers are longer than %(kilobytes)s kB"),
    RemarkCode.NO_FINAL_ANSWER: _("More than %(number)s interim answers came, and no final one"),
    RemarkCode.PRIVATE_ADDRESS: _("This address is not permitted: it lies inside a private network or this machine."),
    RemarkCode.FORBIDDEN_PORT: _("Port %(port)s is not permitted: it is the port of a service that is no web server."),
    RemarkCode.RELAY_ACCEPTED: _("Accepted by the mail relay"),
    RemarkCode.RELAY_TIME_OUT: _("The mail relay did not answer in time"),
    RemarkCode.RELAY_CLOSED: _("The mail relay closed the connection"),
    RemarkCode.RELAY_UNREACHABLE: _("The mail relay cannot be reached: %(error)s"),
    RemarkCode.PROVIDER_ACCEPTED: _("Accepted by the mail provider"),
    RemarkCode.PROVIDER_SUPPRESSES: _("The mail provider does not send to this address"),
    RemarkCode.PROVIDER_CANNOT: _("The mail provider cannot take it: %(error)s"),
    RemarkCode.PROVIDER_UNREACHABLE: _("The mail provider cannot be reached: %(error)s"),
    RemarkCode.PROVIDER_REFUSES_US: _("The mail provider takes nothing from us: %(error)s"),
    RemarkCode.PROVIDER_TROUBLE: _("The mail provider has trouble: %(error)s"),
    RemarkCode.PROVIDER_REFUSED: _("The mail provider refused it: %(error)s"),
}

Parameter = str | int | float


class Remark(str):
    """Words of the console, with the code and the parameters that they are made of."""

    code: RemarkCode
    parameters: dict[str, Parameter]

    def __new__(cls, code: RemarkCode, **parameters: Parameter) -> Remark:
        remark = super().__new__(cls, _fill(code, parameters))
        remark.code, remark.parameters = code, parameters
        return remark

    def __getnewargs_ex__(self) -> tuple[tuple[RemarkCode], dict[str, Parameter]]:  # for copies
        return (self.code,), self.parameters


def advise(text: str, **values: Parameter) -> Remark:
    """Return what an answer of a service means. `text` is English and marked with gettext_noop.

    It is stored in English, with its values, and translated when it is read.
    """
    return Remark(RemarkCode.ADVICE, text=text, **values)


def describe(value: str) -> str:
    """Return the words of a remark in the language that is active now; another text as it is."""
    return _fill(value.code, value.parameters) if isinstance(value, Remark) else value


def get_code(value: str) -> str:
    """Return the code of a remark; empty for a text of somebody else."""
    return value.code.value if isinstance(value, Remark) and value.code != RemarkCode.TEXT else ""


def shorten(value: str, most: int) -> str:
    """Cut to so many code points: of a remark the longest text within, as its own words have room everywhere."""
    if not isinstance(value, Remark):
        return graphemes.cut(value, most)
    own = {"text"} if value.code == RemarkCode.ADVICE else set()  # cut, it would have no translation
    texts = {name: text for name, text in value.parameters.items() if isinstance(text, str) and name not in own}
    excess = len(value) - most
    if excess <= 0 or not texts:
        return value
    name = max(texts, key=lambda name: len(texts[name]))
    cut = shorten(texts[name], max(0, len(texts[name]) - excess))
    return Remark(value.code, **{**value.parameters, name: cut})


def change_texts(value: str, change: Callable[[str], str]) -> str:
    """Change a text of somebody else, or each of them within a remark: to mask what it repeats."""
    if not isinstance(value, Remark):
        return change(value)
    own = {"text"} if value.code == RemarkCode.ADVICE else set()
    changed = {
        name: change_texts(given, change) if isinstance(given, str) and name not in own else given
        for name, given in value.parameters.items()
    }
    return Remark(value.code, **changed)


def encode(value: str) -> str:
    """Return what is stored of a remark or a text."""
    if isinstance(value, Remark):
        return json.dumps(_serialize(value), ensure_ascii=False, separators=(",", ":"))
    return encode(Remark(RemarkCode.TEXT, text=str(value))) if value.startswith(_BEGINNING) else value


def decode(stored: str) -> str:
    """Return the remark or the text that was stored. What is no remark that is known here stays text."""
    if not stored.startswith(_BEGINNING):
        return stored
    try:
        return _deserialize(json.loads(stored))
    except (ValueError, KeyError, TypeError, RecursionError):
        return stored


def _fill(code: RemarkCode, parameters: dict[str, Parameter]) -> str:
    told = {name: describe(value) if isinstance(value, str) else value for name, value in parameters.items()}
    words = gettext(str(parameters["text"])) if code == RemarkCode.ADVICE else str(_WORDS[code])
    return words % told


def _serialize(remark: Remark) -> dict[str, Any]:
    given = remark.parameters.items()
    return {"code": remark.code.value} | {
        name: _serialize(value) if isinstance(value, Remark) else value for name, value in given
    }


def _deserialize(stored: dict[str, Any]) -> Remark:
    given = {
        name: _deserialize(value) if isinstance(value, dict) else value
        for name, value in stored.items()
        if name != "code"
    }
    return Remark(RemarkCode(stored["code"]), **given)
