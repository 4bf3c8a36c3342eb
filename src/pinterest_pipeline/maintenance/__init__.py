"""Jobs beside the data's way: a person erased, deleted rows out of files."""
