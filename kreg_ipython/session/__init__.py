"""Who executes what: cells, modules, scripts and threads. The only package that imports IPython, but for the magic."""
