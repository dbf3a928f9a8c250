"""How samples look: pictures, points, sounds and solids."""
