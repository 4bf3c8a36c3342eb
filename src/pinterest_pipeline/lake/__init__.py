"""Shared by ingest, refine and publish: tables, queries, checkpoints, the table `runs`."""
