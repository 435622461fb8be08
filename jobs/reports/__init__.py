"""What is left of a batch when it ended: JSON for programs, JUnit for CI systems, markdown and a page for people."""
