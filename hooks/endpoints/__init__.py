"""Endpoints: the addresses of receivers, their options, secrets and health."""
