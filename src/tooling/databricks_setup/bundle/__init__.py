"""Checks the values of a target and calls the Databricks CLI; for people and CI, never on Databricks."""
