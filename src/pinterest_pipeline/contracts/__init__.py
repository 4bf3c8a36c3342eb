"""What is generated from the declarations: JSON schemas and the data dictionary."""
