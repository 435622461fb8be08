"""Whether the files that a farm signs with are any good. Celery would tell in the midst of its work, by a traceback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from glob import glob
from pathlib import Path
from typing import Any


def complaint(key: Path, certificate: Path, store: str) -> str | None:
    """What is wrong with them, in one line; None: nothing."""
    try:
        from celery.security.certificate import Certificate, FSCertStore  # noqa: PLC0415 - few farms sign
        from celery.security.key import PrivateKey  # noqa: PLC0415
    except ImportError:
        return "signing needs the package cryptography; install it"
    readers: Mapping[str, Callable[[], Any]] = {
        f"BREAKWATER_SIGNING_KEY {key}": lambda: PrivateKey(key.read_text("utf-8")),
        f"BREAKWATER_SIGNING_CERTIFICATE {certificate}": lambda: Certificate(certificate.read_text("utf-8")),
        f"BREAKWATER_SIGNING_STORE {store}": lambda: FSCertStore(store),
    }
    made = []
    for what, read in readers.items():
        try:
            made.append(read())
        except OSError as error:
            return f"{what}: {error.strerror}"
        except Exception as error:  # noqa: BLE001 - Celery and cryptography have many words for a bad file
            return f"{what}: {str(error).splitlines()[0]}"
    if not glob(store):  # noqa: PTH207 - as Celery looks for it
        return f"BREAKWATER_SIGNING_STORE {store}: no certificate is there, so nobody would be believed"
    if made[0]._key.public_key() != made[1].get_pubkey():
        return f"BREAKWATER_SIGNING_CERTIFICATE {certificate} is not that of BREAKWATER_SIGNING_KEY {key}"
    return None
