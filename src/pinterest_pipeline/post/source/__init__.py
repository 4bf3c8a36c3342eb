"""Where rows come from: a database, or a folder of JSON-lines files."""
