"""Processes of tests that run without coverage."""

UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}
"""Their environment: for what other tests measure, or is not of this project.

To begin to measure takes a tenth of a second of processor time in each process, and there are hundreds.
"""
