"""Post rows of a source database, or of a folder of JSON-lines files, to the pipeline's streams."""

from pinterest_pipeline.console import run_script
from pinterest_pipeline.post.commands.stream import main

if __name__ == "__main__":
    run_script(main)
