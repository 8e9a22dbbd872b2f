"""Metrics, one file per family: functions of (logits, labels) of the test images to one number.

A metric declares the better end (``best="high"`` or ``"low"``), for tables that rank by it.
"""
