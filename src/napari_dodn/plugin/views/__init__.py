"""Compare views: the source of a result, and bicubic interpolation, beside it or under a line."""
