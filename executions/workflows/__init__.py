"""The list of workflows, the page of one, and the start of a run."""
