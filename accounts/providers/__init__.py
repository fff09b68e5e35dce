"""Identity providers of tenants, and the identities by which they know users."""
