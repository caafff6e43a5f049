"""Sweeps: many runs, planned, scheduled over processes or a cluster, and gone on with after any interruption."""
