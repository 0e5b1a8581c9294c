"""Front doors side by side on this machine; `cli.py` is where it begins."""
