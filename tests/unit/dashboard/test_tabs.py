"""The tabs in Flower's navigation bar, and who may give orders."""

from __future__ import annotations

from pathlib import Path

import flower
import pytest

from jobs.dashboard.permission import is_loopback
from jobs.dashboard.tabs import TABS, with_tabs


def test_flowers_navigation_bar_gets_our_tabs_behind_its_own() -> None:
    navbar = (Path(flower.__file__).parent / "templates" / "navbar.html").read_bytes()
    text = with_tabs(navbar).decode()
    assert (
        text.index("reverse_url('broker')")
        < text.index('("circuits", "recovery", "batches")')
        < text.index("app-nav-secondary")
    )
    assert TABS == ("circuits", "recovery", "batches")


def test_a_navigation_bar_of_another_kind_stays_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    assert with_tabs(b"<nav></nav>") == b"<nav></nav>"
    assert "/circuits" in caplog.text


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("", False),
        ("farm.example", False),
        ("10.0.0.1", False),
    ],
)
def test_only_this_machines_own_addresses_are_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
