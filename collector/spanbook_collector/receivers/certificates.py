"""TLS of the OTLP ports: version 1.2 or newer, client certificates where an authority for them is named.

Certificates are renewed while we run: new connections get what the files hold now. Files that do not fit together, as
in the middle of a renewal, leave the old ones in use.
"""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import grpc

from spanbook_collector.config import TlsSettings
from spanbook_collector.errors import StartError

CHECK_SECONDS = 10.0

log = logging.getLogger("spanbook.collector")


class Certificates:
    """The certificate of both OTLP ports."""

    def __init__(self, settings: TlsSettings) -> None:
        """Read the files. Raises StartError when they cannot be used."""
        self._settings = settings
        try:
            self.http = self._context()
            self._seen = self._files()
        except (OSError, ssl.SSLError) as error:
            raise StartError(
                f"cannot use the certificate `{settings.cert_file}`: {error}",
                "`tls.cert_file` and `tls.key_file` are a chain and its key in PEM, `tls.client_ca_file` an authority",
            ) from error
        self._served = self._seen

    def grpc(self) -> grpc.ServerCredentials:
        """Return credentials that ask for the newest certificate at each handshake."""
        return grpc.dynamic_ssl_server_credentials(
            _grpc_configuration(self._seen), self._newest, bool(self._settings.client_ca_file)
        )

    async def watch(self) -> None:
        """Load the files again whenever they change, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.reload()

    def reload(self) -> None:
        """Load the files again when they have changed."""
        try:
            files = self._files()
            if files == self._seen:
                return
            self._context()  # do they fit together?
            self._load(self.http)
        except (OSError, ssl.SSLError) as error:
            log.warning("the certificate is as it was: %s", error)
            return
        self._seen = files
        log.info("the certificate was read again")

    def _newest(self) -> Any:
        if self._served is self._seen:
            return None
        self._served = self._seen
        return _grpc_configuration(self._seen)

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(self._settings.cert_file, self._settings.key_file)
        if self._settings.client_ca_file:
            context.load_verify_locations(self._settings.client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED

    def _files(self) -> tuple[bytes, bytes, bytes | None]:
        settings = self._settings
        authority = Path(settings.client_ca_file).read_bytes() if settings.client_ca_file else None
        return Path(settings.key_file).read_bytes(), Path(settings.cert_file).read_bytes(), authority


def _grpc_configuration(files: tuple[bytes, bytes, bytes | None]) -> Any:
    key, chain, authority = files
    return grpc.ssl_server_certificate_configuration([(key, chain)], authority)
