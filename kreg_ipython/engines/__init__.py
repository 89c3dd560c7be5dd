"""Many engines: the same cells run on each engine of an ipyparallel cluster. Nothing of ipyparallel is imported here."""
