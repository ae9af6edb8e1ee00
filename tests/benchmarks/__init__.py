"""Benchmarks of the console with real processes: `.venv/bin/python -m tests.benchmarks --help`.

They are not in the test suite and assert no speed. Each benchmark prints a Markdown table, and the summary lists
measurements beside their aims. A PostgreSQL server, nginx, Redis, the workers and the web
server are started for it on free ports of loopback and ended with it.
"""
