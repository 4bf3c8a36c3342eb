"""From raw to clean and quarantine: one way for every record, whatever its origin."""
