"""Train by distillation: what a run is set to, and what it does, one module for each concern.

`Draft` is what is set, `RunState` is what happens; both tell of their changes. Boxes and displays
listen to them and never call each other.
"""
