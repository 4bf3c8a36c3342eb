"""Ingests records into the raw tables: append-only, unchanged, incremental."""
