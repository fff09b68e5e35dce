"""Signing in through identity providers (OpenID Connect Core 1.0): the flow, its users, and managing providers."""
