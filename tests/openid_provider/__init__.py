"""Real identity providers for tests: a certified one, and one that does wrong."""
