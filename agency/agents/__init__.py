"""The five agents, one a file: who each is, its tool, and what its tool does to the batch."""
