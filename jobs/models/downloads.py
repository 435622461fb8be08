"""Models at an address: fetched once, kept by their checksum, never used half."""

from __future__ import annotations

import uuid
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit, urlunsplit

import pooch
import requests

from jobs.models.digests import file_digest
from jobs.models.unavailable import ModelUnavailable, ModelUnknown

# Seconds without a byte after which a server is taken for gone.
STALLED = 30.0
FOLDER = pooch.os_cache("breakwater") / "models"


def pin(url: str) -> str:
    """The checksum of what an address gives today; the file is kept under it.

    Raises:
        ModelUnknown: the server has no such file.
        ModelUnavailable: the server can't be reached, or broke off.
    """
    # Its own name each time: two commands may ask for the same address at once.
    fetched = _retrieve(url, None, f"unpinned-{uuid.uuid4().hex}")
    digest = file_digest(fetched)
    fetched.replace(FOLDER / _kept_name(url, digest))
    return digest


def fetch_url(url: str, sha256: str) -> Path:
    """The file that an address gave when it was pinned; fetched once for this machine's user.

    Raises:
        ModelUnknown: the server has no such file, or it is another one now.
        ModelUnavailable: the server can't be reached, or broke off.
    """
    return _retrieve(url, f"sha256:{sha256}", _kept_name(url, sha256))


def _retrieve(url: str, known: str | None, name: str) -> Path:
    pooch.get_logger().setLevel("ERROR")
    try:
        # pooch writes beside the file and moves it into place when it is whole and right.
        return Path(pooch.retrieve(url, known, name, FOLDER, downloader=pooch.HTTPDownloader(timeout=STALLED)))
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        told = f"{_shown(url)}: the server answered {status}"
        kind = ModelUnknown if 400 <= status < 500 and status not in {408, 429} else ModelUnavailable
        raise kind(told) from error
    except requests.RequestException as error:
        raise ModelUnavailable(f"{_shown(url)}: it can't be fetched ({type(error).__name__})") from error
    except ValueError as error:
        raise ModelUnknown(f"{_shown(url)}: it gives another file than the one that was pinned ({known})") from error
    except OSError as error:
        raise ModelUnavailable(f"{_shown(url)}: it can't be kept: {error.strerror}") from error


def _kept_name(url: str, sha256: str) -> str:
    return f"{sha256}-{PurePosixPath(urlsplit(url).path).name or 'model.onnx'}"[:200]


def _shown(url: str) -> str:
    """The address without what may be secret in it: user, password and query."""
    split = urlsplit(url)
    return urlunsplit((split.scheme, split.netloc.rpartition("@")[2], split.path, "", ""))
