"""Sets up what the bundle cannot declare: credentials and the values of secrets; knows nothing of Spark."""
