"""A private certificate authority, and receivers with certificates from it."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.hooks.transports.test_hostile_receivers import OK, Talk

PEM = serialization.Encoding.PEM


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


class Authority:
    """An authority as people make them by hand: without the extensions that strict verification demands."""

    def __init__(self, days: int = 1) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(f"Private authority {id(self)}")
        self.days = days
        self.certificate = self._signed(self.name, self.key, x509.BasicConstraints(ca=True, path_length=None))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(PEM).decode()

    @property
    def private(self) -> str:
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(PEM, form, serialization.NoEncryption()).decode()

    def receiver(self, folder: Path) -> Talk:
        """Start a TLS server on 127.0.0.1 that answers 200."""
        key = ec.generate_private_key(ec.SECP256R1())
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        own = self._signed(_name("Receiver"), key, here)
        file = folder / "receiver.pem"
        private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(private + own.public_bytes(PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)

        def talk(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as secured:
                while secured.recv(65536):
                    secured.sendall(OK)

        return talk

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        built = x509.CertificateBuilder(self.name, name, key.public_key(), x509.random_serial_number())
        built = built.not_valid_before(now - timedelta(days=9)).not_valid_after(now + timedelta(days=self.days))
        return built.add_extension(extension, critical=True).sign(self.key, hashes.SHA256())
