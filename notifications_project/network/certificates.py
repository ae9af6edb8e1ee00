"""Checks of the certificates of authorities that operators and users give in PEM."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

from cryptography import x509

MOST = 10  # certificates in one text
LONGEST = 32 * 1024  # characters


def problem_with(pem: str, most: int = MOST) -> str:
    """Say why a text cannot be used as at most `most` certificates of authorities; empty if it can."""
    if "PRIVATE KEY" in pem:
        return "This is a private key, which nobody else may know. Give the certificate of the authority alone."
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ValueError, ssl.SSLError):
        return "This is no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----."
    if len(found) > most:
        return f"Give at most {most} certificates."
    now = datetime.now(UTC)
    if all(certificate.not_valid_after_utc < now for certificate in found):
        return f"This certificate expired on {found[0].not_valid_after_utc:%Y-%m-%d}."
    return ""
