"""Training of DODN by heterogeneous distillation: configuration, engine and run folder."""
