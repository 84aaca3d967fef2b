"""Training of score models: losses, the loop, checkpoints, and the card that describes the result."""
