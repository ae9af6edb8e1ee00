"""Every way in which a part can fail, with real processes: nothing that was acknowledged is lost.

`python3 manage.py test tests/faults` prints for each fault how much was acknowledged, delivered, lost and repeated.
That is the short form; `FAULTS=full` in the environment makes more of everything and repeats each fault.
"""
