"""Certificate authorities of receivers: the public ones, the operator's, and those of a single endpoint."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context

# OpenSSL's verification errors for a certificate that no trusted authority has signed.
_UNKNOWN_AUTHORITY = {18, 19, 20, 21}


def get_context(pem: str) -> ssl.SSLContext:
    """Return a TLS context that also trusts the certificates in `pem`; equal `pem` gives the same object."""
    return _make_context(settings.OUTBOUND_CA_FILE, pem)


@lru_cache(maxsize=64)  # reading the authorities takes longer than a TLS handshake
def _make_context(operators_file: str, pem: str) -> ssl.SSLContext:
    made = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    made.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    if operators_file:
        made.load_verify_locations(cadata=Path(operators_file).read_text())
    if pem:
        made.load_verify_locations(cadata=pem)
    if operators_file or pem:
        # Private authorities are often made by hand. They break the strict rules, or the only certificate at hand is an
        # intermediate one or the receiver's own: without these flags verification would fail.
        made.verify_flags = (made.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    return made


def is_unknown(error: BaseException) -> bool:
    """Tell whether a certificate was refused because no trusted authority has signed it."""
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _UNKNOWN_AUTHORITY
