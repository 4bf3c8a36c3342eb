"""Ingest: what arrived becomes append-only raw tables, untouched."""
