"""Whole runs: from settings to a trained, recorded, measured and shown GAN.

This is what the commands (`commands`) are made of. The library below knows nothing of it.
"""
