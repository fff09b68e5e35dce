"""The translations of the pages: `python -m tests.messages` brings them up to date with the code (`make messages`)."""
