"""Circuit breakers in Redis, shared by every process that names the same circuit."""
