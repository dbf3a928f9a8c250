"""Rendering of samples: pictures, points, sounds and solids."""
