"""Figures for papers, in one style that survives grey-scale printing."""
