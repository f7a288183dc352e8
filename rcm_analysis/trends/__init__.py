"""What changed in denials, and whether it is real. Draws and words nothing but its headline."""
