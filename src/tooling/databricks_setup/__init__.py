"""Sets up Databricks from outside: the bundle, and what it cannot declare. Never shipped."""
