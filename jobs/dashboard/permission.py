"""Who may give orders from a page: somebody whom Flower let in, or anybody on this very machine."""

from __future__ import annotations

import ipaddress
from base64 import b64decode
from urllib.parse import urlsplit

from flower.views import BaseHandler


def refusal(page: BaseHandler) -> str:
    """Why this Flower takes no orders; empty: it does."""
    options = page.application.options
    if options.read_only:
        return "Flower runs with --read-only: it takes no orders"
    if options.basic_auth or options.auth:
        return ""
    if options.unix_socket or not is_loopback(options.address):
        return "Flower has no login and can be reached from outside: give it --basic-auth or --auth to take orders"
    # A page elsewhere may lead a browser here by a name of its own (DNS rebinding): then this isn't our address.
    if not is_loopback(urlsplit(f"//{page.request.host}").hostname or ""):
        return f"Flower has no login and was called as {page.request.host}: call it as localhost, or give it a login"
    return ""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def who(page: BaseHandler) -> str:
    """Whom Flower let in, for the record."""
    options = page.application.options
    if options.auth:
        return str(page.current_user)
    if options.basic_auth:
        credentials = page.request.headers.get("Authorization", "").partition(" ")[2]
        return b64decode(credentials).decode().partition(":")[0]
    return f"somebody at {page.request.remote_ip}"
