"""Django's PostgreSQL backend with a pool that says at once when the database is away (`base`)."""
