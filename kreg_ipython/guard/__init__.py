"""The run: what a run removes, what it registers, and what it leaves behind. Knows no IPython and no framework."""
