"""Post the rows of a source database, or of a folder of JSON-lines files, to the pipeline's topics."""

from pinterest_pipeline.console import run_script
from pinterest_pipeline.post.commands.batch import main

if __name__ == "__main__":
    run_script(main)
