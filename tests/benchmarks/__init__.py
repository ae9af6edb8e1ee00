"""How fast the console is, measured with real processes: `.venv/bin/python -m tests.benchmarks --help`.

No part of the test suite, and nothing here asserts a speed: each benchmark prints a Markdown table, and the
summary puts what was measured beside what is aimed at. A PostgreSQL server, nginx, Redis, the workers and the web
server are started for it on free ports of loopback and ended with it.
"""
