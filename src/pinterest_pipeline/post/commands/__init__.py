"""The commands that post: their options, and what they show."""
