"""Long runs and floods of bad input: what `tools/soak.py` is made of."""
