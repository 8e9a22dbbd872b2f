"""The torture suite: guarantees of the store and the tool under faults.

Each kind of test is a module with functions ``(n, seed) -> Outcome``; `kinds.KINDS` lists them with
their numbers of cases. ``python -m tests.torture`` runs the long form.
"""
