"""Semantic segmentation: heads, training, metrics from counts of pixels, predictions as masks, pictures."""
