"""Break a farm on purpose and check its promises: what ``breakwater chaos`` and ``breakwater e2e`` are made of."""
