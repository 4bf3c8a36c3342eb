"""The DBFS mount with keys from a Delta table: the legacy way to S3."""
