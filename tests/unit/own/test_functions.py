"""Which functions may run as tests, and what their parameters must be: everything else is refused in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.own.functions import NotAllowed, WrongParameters, checked_parameters, find_function, is_allowed

CHECKS = Path(__file__).parents[2] / "browser"


@pytest.fixture(autouse=True)
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(CHECKS))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_plain_public_function_of_an_allowed_module_is_found() -> None:
    assert find_function("own_checks:raises", ["own_checks"]).__name__ == "raises"


@pytest.mark.parametrize(
    ("module", "allowed", "may"),
    [
        ("shop", ("shop",), True),
        ("shop.cart", ("shop",), False),
        ("shop", ("shop.cart",), False),
        ("shop.cart", ("shop.*",), True),
        ("shop.cart.deep", ("shop.*",), True),
        ("shop", ("shop.*",), False),
        ("shopping", ("shop.*",), False),
        ("shop", (), False),
        ("os", ("shop", "own_checks"), False),
    ],
)
def test_the_allow_list_is_exact(module: str, allowed: tuple[str, ...], may: bool) -> None:
    assert is_allowed(module, allowed) is may


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own_checks:_hidden", "no plain public function"),
        ("own_checks:getcwd", "no plain public function"),
        ("own_checks:Order", "no plain public function"),
        ("own_checks:Holder", "no plain public function"),
        ("own_checks:instance_call", "no plain public function"),
        ("own_checks:PAGE", "no plain public function"),
        ("own_checks:Holder.method", "has no function"),
        ("own_checks:os.system", "has no function"),
        ("own_checks:__import__", "has no function"),
        ("own_checks:Context", "no plain public function"),
        ("own_checks:asynchronous", "async"),
        ("own_checks:nothing", "has no function"),
        ("own_checks:", "has no function"),
        ("own_checks", "has no function"),
    ],
)
def test_whatever_else_a_module_holds_is_no_test(name: str, said: str) -> None:
    with pytest.raises(NotAllowed, match=said) as caught:
        find_function(name, ["own_checks"])
    assert "\n" not in str(caught.value)


def test_a_module_that_is_not_allowed_is_not_even_imported(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("from pathlib import Path\nPath(__file__ + '.ran').touch()\ndef test(): pass\n")
    (tmp_path / "evil_package").mkdir()
    (tmp_path / "evil_package" / "__init__.py").write_text("raise SystemExit('imported')\n")
    for name in ("evil:test", "evil_package.inner:test", "own_checks.evil:test", "os:system", ".evil:test", ":test"):
        with pytest.raises(NotAllowed, match="BREAKWATER_TEST_MODULES"):
            find_function(name, ["own_checks", "allowed.*"])
    assert not (tmp_path / "evil.py.ran").exists()


def test_a_function_imported_from_elsewhere_is_named_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "borrower.py").write_text("from subprocess import run\nalias = run\nl = lambda driver: None\n")
    for name in ("run", "alias", "l"):
        with pytest.raises(NotAllowed, match="defined elsewhere"):
            find_function(f"borrower:{name}", ["borrower"])


def test_parameters_become_the_model_that_the_context_names() -> None:
    function = find_function("own_checks:heading", ["own_checks"])
    parameters, arguments = checked_parameters("own_checks:heading", function, {"items": 3, "gift": True})
    assert (parameters.items, parameters.gift, arguments) == (3, True, {})


def test_parameters_become_arguments_by_name() -> None:
    function = find_function("own_checks:with_arguments", ["own_checks"])
    assert checked_parameters("x", function, {"items": 3})[1] == {"items": 3, "gift": False}


def test_a_function_that_names_none_takes_them_as_they_are() -> None:
    function = find_function("own_checks:plain_parameters", ["own_checks"])
    assert checked_parameters("x", function, {"any": [1]}) == ({"any": [1]}, {})


@pytest.mark.parametrize(
    ("function", "parameters", "words"),
    [
        ("heading", {"items": "many"}, ["parameters.items", "'many'", "items, gift"]),
        ("heading", {}, ["parameters.items", "required"]),
        ("with_arguments", {"items": 3, "colour": 1}, ["parameters.colour", "items, gift"]),
        ("with_arguments", {"gift": False}, ["parameters.items", "required"]),
    ],
)
def test_a_wrong_parameter_is_one_line(function: str, parameters: dict[str, object], words: list[str]) -> None:
    found = find_function(f"own_checks:{function}", ["own_checks"])
    with pytest.raises(WrongParameters) as caught:
        checked_parameters(f"own_checks:{function}", found, parameters)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
