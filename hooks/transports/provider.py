"""Judge the errors of a mail provider's API, which django-anymail uses instead of SMTP.

Import it only after such an error: django-anymail is an optional package.
"""

from __future__ import annotations

from dataclasses import dataclass

from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused

from hooks.messages import Verdict
from hooks.remarks import Remark, RemarkCode

_NOT_US = {401, 402, 403, 404}  # a wrong key, or an account that may not send: every mail would fail
_BUSY = {408, 425, 429}


@dataclass(frozen=True)
class Refusal:
    """A failed call. `down`: the provider is away or refuses every mail. `meaning`: as in `messages.Answer`."""

    code: str
    words: str
    status: int | None = None
    meaning: Verdict | None = None
    down: bool = False


def judge_error(error: Exception) -> Refusal:
    """Judge a failed call of the provider, given one of django-anymail's errors."""
    if isinstance(error, AnymailRecipientsRefused):
        return Refusal("refused", Remark(RemarkCode.PROVIDER_SUPPRESSES), meaning=Verdict.GONE)
    status = error.status_code if isinstance(error, AnymailAPIError) else None
    words = str(error).splitlines()[0] if str(error) else type(error).__name__
    if not isinstance(error, AnymailAPIError):
        return Refusal("invalid", Remark(RemarkCode.PROVIDER_CANNOT, error=words), meaning=Verdict.FAILED)
    if status is None:
        return Refusal("connection", Remark(RemarkCode.PROVIDER_UNREACHABLE, error=words), down=True)
    if status in _NOT_US:
        return Refusal(f"api {status}", Remark(RemarkCode.PROVIDER_REFUSES_US, error=words), status, down=True)
    if status in _BUSY or status >= 500:
        return Refusal(f"api {status}", Remark(RemarkCode.PROVIDER_TROUBLE, error=words), status, Verdict.RETRY)
    return Refusal(f"api {status}", Remark(RemarkCode.PROVIDER_REFUSED, error=words), status, Verdict.FAILED)
