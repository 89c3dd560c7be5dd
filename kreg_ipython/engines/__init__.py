"""Many engines: the same cells run on each engine of an ipyparallel cluster. The user imports ipyparallel, not we."""
