"""A run while it goes on: what its jobs made, how far it is, and when it will be done."""
