"""From raw to clean and quarantine: one path for every record, independent of its origin."""
