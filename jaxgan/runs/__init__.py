"""Whole runs: from settings to a GAN that is trained, recorded, evaluated and displayed.

The commands (`commands`) are built on this package. The library below it never imports it.
"""
