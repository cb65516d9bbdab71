"""Segmentations: one file each; what they share stands beside them."""
