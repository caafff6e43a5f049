"""Checkpoints are data: read without executing anything, mapped key by key, every key accounted for."""
