"""Faults of every part, with real processes: nothing that was acknowledged is lost.

`python3 manage.py test tests/faults` prints for each fault how much was acknowledged, delivered, lost and repeated.
`FAULTS=full` in the environment makes more events and repeats each fault.
"""
