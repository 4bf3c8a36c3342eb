"""What ingest, refine and publish stand on: tables, queries, checkpoints, the table `runs`."""
