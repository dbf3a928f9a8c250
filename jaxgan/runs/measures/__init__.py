"""What is measured of a trained generator."""
