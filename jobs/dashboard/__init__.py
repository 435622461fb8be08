"""What an operator sees: tabs inside Flower, their live streams, Prometheus metrics, webhook alerts."""
