"""Masked image modelling: CtxMIM and SimMIM pretraining, and pictures of what they reconstruct."""
