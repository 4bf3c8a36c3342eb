"""Spark on one machine, tuned for small work."""
