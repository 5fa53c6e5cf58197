"""What stands between a client and the server: each check is one ASGI middleware in one file."""
