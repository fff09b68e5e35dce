"""Libraries and programs that the engine is compared with."""
