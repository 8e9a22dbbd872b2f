"""The torture suite: what is promised of the store and of the tool, held against what can happen.

Every kind of test is a module with plain functions ``(n, seed) -> Outcome``; `kinds.KINDS` lists
them with how often each is tried. ``python -m tests.torture`` runs the long form.
"""
