"""The answers: one SQL file each, one Delta table each; and what analysts may read."""
