"""Why a model that is somewhere else could not be had: told apart, as one is the test's fault and the other is not."""

from __future__ import annotations


class ModelUnknown(ValueError):
    """The hub has no such model, revision or file, or gives it to nobody without leave: the test's own fault."""


class ModelUnavailable(Exception):
    """A model that can't be fetched now: the network, the hub or this machine's disk is to blame, not the test."""
