"""HTTP: thin Litestar controllers, one file a resource, every error a problem+json with a stable code."""
