"""What the text of the CtxMIM paper claims, recomputed from its own tables."""
