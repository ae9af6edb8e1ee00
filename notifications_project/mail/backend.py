"""An SMTP backend that signs in with UTF-8 (RFC 4616), which smtplib cannot, and keeps replies in step."""

from __future__ import annotations

import hmac
import smtplib
from collections.abc import Callable
from typing import Any

from django.core.mail.backends.smtp import EmailBackend as DjangoBackend

from notifications_project.mail.replies import InStep


class _Utf8(str):
    """A text that smtplib sends in UTF-8, although it asks for ASCII."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return super().encode("utf-8", errors)


class _Utf8SignIn:
    user: str
    password: str

    def auth(self, mechanism: str, authobject: Callable[..., str | None], **options: Any) -> tuple[int, bytes]:
        def answer(challenge: bytes | None = None) -> str | None:
            said = authobject() if challenge is None else authobject(challenge)
            return None if said is None else _Utf8(said)

        found: tuple[int, bytes] = super().auth(mechanism, answer, **options)  # type: ignore[misc]
        return found

    def auth_cram_md5(self, challenge: bytes | None = None) -> str | None:
        if challenge is None:
            return None
        return f"{self.user} {hmac.new(self.password.encode(), challenge, 'md5').hexdigest()}"


class _SMTP(InStep, _Utf8SignIn, smtplib.SMTP):  # type: ignore[misc]  # typeshed overloads it
    pass


class _SMTPOverTLS(InStep, _Utf8SignIn, smtplib.SMTP_SSL):  # type: ignore[misc]
    pass


class EmailBackend(DjangoBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _SMTPOverTLS if self.use_ssl else _SMTP
