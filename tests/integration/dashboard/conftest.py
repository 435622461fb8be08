"""Values of batches, as the tests of batches make them."""

from tests.integration.batches.conftest import make

__all__ = ["make"]
