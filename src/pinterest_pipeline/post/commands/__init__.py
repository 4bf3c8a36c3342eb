"""The posting commands: options and output."""
