"""Metrics, one file a family: functions of (logits, labels) of the test images to one number.

A metric declares which end is better (``best="high"`` or ``"low"``) for tables that rank it.
"""
