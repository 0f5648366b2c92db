"""One request for many runs: the choice, its preview, and the batch that carries it out."""
