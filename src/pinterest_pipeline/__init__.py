"""Pinterest posts from a database to answers: post, ingest, refine, publish."""
