"""What arrived, into the raw tables: append-only, untouched, incremental."""
