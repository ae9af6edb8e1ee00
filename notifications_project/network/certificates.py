"""Checks of the certificates of authorities that operators and users give in PEM."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

from cryptography import x509

from notifications_project.network.problems import Problem, _

MOST = 10  # certificates in one text
LONGEST = 32 * 1024  # characters


class BadCertificates(Problem):
    """Raised for a text that cannot be used as certificates of authorities."""


def check(pem: str, most: int = MOST) -> None:
    """Raise BadCertificates for a text that is no list of at most `most` certificates in PEM."""
    if "PRIVATE KEY" in pem:
        raise BadCertificates(
            _("This is a private key, which nobody else may know. Give the certificate of the authority alone.")
        )
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ValueError, ssl.SSLError):
        raise BadCertificates(
            _("This is no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----.")
        ) from None
    if len(found) > most:
        raise BadCertificates(_("Give at most %(number)s certificates."), number=most)
    now = datetime.now(UTC)
    if all(certificate.not_valid_after_utc < now for certificate in found):
        raise BadCertificates(
            _("This certificate expired on %(date)s."), date=found[0].not_valid_after_utc.date().isoformat()
        )
