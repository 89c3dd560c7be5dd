"""Follow the cells, modules, scripts and threads that are executing. Only this package and the magic import IPython."""
