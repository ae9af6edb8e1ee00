"""The API of hooks and deliveries. It parses and presents; what is allowed is decided in `hooks.manage.rules`."""
