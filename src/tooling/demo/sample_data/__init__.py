"""Generated rows, and the source database that holds them."""
