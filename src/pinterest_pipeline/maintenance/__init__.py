"""Maintenance jobs: erasing a person, purging deleted rows from files."""
