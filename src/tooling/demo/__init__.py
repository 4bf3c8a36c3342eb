"""The demo: the whole pipeline on the local cloud, counted and reported. Never shipped."""
