"""Commands that are imported when they are asked for: each brings along what it needs, and some need much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class Later(NamedTuple):
    """A command that is not imported yet."""

    where: str
    """``module:attribute``."""
    about: str
    """The first paragraph of its help: for the list of commands, which needs no more."""


class Commands(MutableMapping[str, click.Command]):
    """A group's commands by name; looking one up imports it."""

    def __init__(self, later: Mapping[str, Later]) -> None:
        self.later = dict(later)
        self._here: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name in self.later:
            module, _, attribute = self.later[name].where.partition(":")
            self._here[name] = getattr(import_module(module), attribute)
            del self.later[name]
        return self._here[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._here[name] = command

    def __delitem__(self, name: str) -> None:
        del self._here[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self.later, *self._here))

    def __len__(self) -> int:
        return len(self.later) + len(self._here)

    def __contains__(self, name: object) -> bool:
        return name in self.later or name in self._here


class LazyGroup(click.Group):
    """A group of such commands. Its help imports none of them."""

    def __init__(self, *, later: Mapping[str, Later], **given: Any) -> None:
        self.later = later
        self._lazy = Commands(later)
        super().__init__(commands=self._lazy, **given)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does it, but with what is told of a command in place of one that is not here."""
        listed = [
            click.Command(name, help=self._lazy.later[name].about) if name in self._lazy.later else self._lazy[name]
            for name in self._lazy
        ]
        click.Group(commands=listed).format_commands(ctx, formatter)
