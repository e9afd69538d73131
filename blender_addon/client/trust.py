"""Whom to trust: the TLS settings of a connection to another computer."""

import ssl
import sys
from contextlib import suppress
from pathlib import Path

from .problem import Cure, Problem
from .time_slice import TimeSlice

END = "-----END CERTIFICATE-----\n"


async def tls_context(authority: Path | None, time: TimeSlice) -> ssl.SSLContext:
    """TLS for HTTP/2 that trusts the authority's file, or those that the system trusts. Raises `Problem`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the certificate and its name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if authority is None:
        await _trust_the_system(context, time)
        return context
    try:
        context.load_verify_locations(cafile=authority)
    except ssl.SSLError:
        raise Problem(
            f"{authority} holds no certificate. Choose a PEM file as CA Certificate in the extension's preferences",
            Cure.PREFERENCES,
        ) from None
    except OSError as error:
        raise Problem(
            f"Cannot read {authority}: {error.strerror}. Correct CA Certificate in the extension's preferences",
            Cure.PREFERENCES,
        ) from None
    # A daemon's own certificate may be given in the place of an authority's.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


async def _trust_the_system(context: ssl.SSLContext, time: TimeSlice) -> None:
    certificates: list[str | bytes] = []
    if sys.platform == "win32":
        for store in ("CA", "ROOT"):
            for certificate, encoding, purposes in ssl.enum_certificates(store):
                fits = purposes is True or ssl.Purpose.SERVER_AUTH.oid in purposes
                if encoding == "x509_asn" and fits:
                    certificates.append(certificate)
    else:
        paths = ssl.get_default_verify_paths()
        if paths.capath:
            context.load_verify_locations(capath=paths.capath)  # read when needed
        if paths.cafile:
            text = Path(paths.cafile).read_text(encoding="ascii", errors="ignore")
            certificates += [part + END for part in text.split(END) if "BEGIN CERTIFICATE" in part]
    await time.pause()
    for certificate in certificates:  # all of them take longer than a frame
        with suppress(ssl.SSLError):  # a damaged one among many
            context.load_verify_locations(cadata=certificate)
        await time.pause()
