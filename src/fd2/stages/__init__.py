"""One module a stage of the workflow, named like its rule and its script."""
