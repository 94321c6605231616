"""The training itself: losses, loop, scores, and the model that comes out."""
