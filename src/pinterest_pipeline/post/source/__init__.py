"""The source of the rows: a database, or a folder of JSON-lines files."""
