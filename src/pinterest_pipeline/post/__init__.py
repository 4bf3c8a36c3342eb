"""Post: read the source's rows and send them through the API. No Spark here."""
