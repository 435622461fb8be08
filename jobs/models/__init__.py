"""Models: which there are, what they are fed, what they should give, and whether they did."""
