"""What runs on a person's machine or in CI, never on Databricks: not in the wheel."""
