"""The authorities that vouch for receivers: the public ones, the operator's, and those of a single endpoint."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context

# Of the certificates that nobody known vouches for: errors of OpenSSL's verification.
_UNKNOWN_AUTHORITY = {18, 19, 20, 21}


def context(pem: str) -> ssl.SSLContext:
    """A context that verifies receivers, also by the certificates in `pem`. The same for the same content."""
    return _context(settings.OUTBOUND_CA_FILE, pem)


@lru_cache(maxsize=64)  # reading the authorities takes longer than TLS does
def _context(operators_file: str, pem: str) -> ssl.SSLContext:
    made = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    made.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    if operators_file:
        made.load_verify_locations(cadata=Path(operators_file).read_text())
    if pem:
        made.load_verify_locations(cadata=pem)
    if operators_file or pem:
        # Private authorities are often made by hand: without what the strict rules ask for, or with an intermediate
        # one, or the receiver's own certificate, as all that is known.
        made.verify_flags = (made.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    return made


def is_unknown(error: BaseException) -> bool:
    """Whether a certificate was refused because nobody known vouches for it."""
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _UNKNOWN_AUTHORITY
