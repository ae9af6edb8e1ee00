"""Mail addresses are checked and stored in one spelling, in ASCII.

The domain has its form in DNS (`xn--…`, IDNA 2008), so that the Unicode and the ASCII spelling are one address, a
database can compare addresses (`Lower` knows ASCII only), and no library converts them by IDNA 2003, which makes
`fass.example` of `faß.example`. Pages and mails show this form too, as in Unicode a domain may look like another one.
"""

from __future__ import annotations

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext

LONGEST = 254  # characters of an address that SMTP can carry (RFC 5321, 4.5.3.1.3)
_LONGEST_NAME = 64  # before the @
_LONGEST_DOMAIN = 253
_SHOWN = 100  # characters of a wrong address that a message repeats

_validate_syntax = EmailValidator()


class BadMailAddress(ValueError):
    """Raised for an address that no mail can be sent to; the message tells people why."""


def normalize(written: str) -> str:
    """Return the stored form of an address. Raises BadMailAddress."""
    address = written.strip()
    shown = {"address": repr(address if len(address) <= _SHOWN else f"{address[: _SHOWN - 1]}…")}
    name, at, domain = address.rpartition("@")
    if not (at and name and domain):
        raise BadMailAddress(gettext("%(address)s is not an e-mail address.") % shown)
    if not address.isprintable():
        message = gettext("%(address)s is not an e-mail address: it contains an invisible character.")
        raise BadMailAddress(message % shown)
    if not name.isascii():
        message = gettext("%(address)s cannot be used: before the @ only ASCII letters, digits and signs are possible.")
        raise BadMailAddress(message % shown)
    try:
        found = f"{name}@{encode_domain(domain)}"
    except ValueError:
        message = gettext("%(address)s is not an e-mail address: its domain is not valid.")
        raise BadMailAddress(message % shown) from None
    try:
        _validate_syntax(found)
    except ValidationError:
        raise BadMailAddress(gettext("%(address)s is not an e-mail address.") % shown) from None
    if name == '""' or len(name) > _LONGEST_NAME or len(found) > LONGEST:
        message = gettext("%(address)s is not an e-mail address: it is too long or empty before the @.")
        raise BadMailAddress(message % shown)
    return found


def normalize_if_valid(written: str) -> str:
    """Return the stored form of an address, to look it up; an invalid address is returned as it is."""
    try:
        return normalize(written)
    except BadMailAddress:
        return written.strip()


def make_comparable(written: str) -> str:
    """Return the stored form of an address in lower case, which is equal for all its spellings."""
    return normalize_if_valid(written).lower()


def encode_domain(domain: str) -> str:
    """Return a domain in lower case as DNS has it. Raises ValueError for one that IDNA 2008 does not allow."""
    if domain.startswith("["):  # an address literal
        return domain.lower()
    if not domain.isprintable():  # the mapping would silently drop some of these characters
        raise ValueError("invisible character")
    if not domain.isascii():
        domain = idna.uts46_remap(domain, std3_rules=True)
    labels = [_encode_label(label) for label in domain.lower().split(".")]
    found = ".".join(labels)
    if len(found) > _LONGEST_DOMAIN:
        raise ValueError("too long")
    return found


def _encode_label(label: str) -> str:
    if label.startswith("xn--"):
        if idna.alabel(idna.ulabel(label)).decode() != label:
            raise ValueError("another spelling of a label")
        return label
    if label.isascii():  # names older than IDNA may have hyphens that idna.alabel refuses
        if not 0 < len(label) <= 63:
            raise ValueError("empty or too long")
        return label
    return idna.alabel(label).decode()
