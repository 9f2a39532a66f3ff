"""The throw-away certificate authority of one sandbox run, and TLS contexts for the hosts it stands for."""

from __future__ import annotations

import datetime
import ssl
from collections import OrderedDict

import trustme

from .hosts import CERTIFICATE_NAMES, is_fal_host

VALID_DAYS = 7
"""Some clients refuse certificates that are valid for years."""
MAX_FOREIGN_HOSTS = 64


class Authority:
    """Issues certificates that only this sandbox's children trust; its private key never leaves memory."""

    def __init__(self) -> None:
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        self._from = now - datetime.timedelta(days=1)
        self._until = now + datetime.timedelta(days=VALID_DAYS)
        self._ca = trustme.CA(organization_name="fal sandbox (throw-away)", organization_unit_name="testing")
        self._foreign: OrderedDict[str, ssl.SSLContext] = OrderedDict()

    @property
    def certificate(self) -> bytes:
        """The authority's certificate, PEM."""
        return self._ca.cert_pem.bytes()

    def context(self) -> ssl.SSLContext:
        """Return the server's TLS context: one certificate for all of fal's names, others as they are asked for."""
        context = self._context_for(*CERTIFICATE_NAMES)
        context.sni_callback = self._choose
        return context

    def _context_for(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        leaf = self._ca.issue_cert(*names, not_before=self._from, not_after=self._until)
        leaf.configure_cert(context)
        return context

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        # Refused hosts get a certificate too: what is sent to them is read (was the key in it?), never passed on.
        if not name or (is_fal_host(name) and name.count(".") <= 2):
            return
        known = self._foreign.get(name)
        if known is None:
            try:
                known = self._context_for(name)
            except (ValueError, UnicodeError):
                return
            self._foreign[name] = known
            if len(self._foreign) > MAX_FOREIGN_HOSTS:
                self._foreign.popitem(last=False)
        connection.context = known
