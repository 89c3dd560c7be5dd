"""Show the registries in a panel that follows each run: ``%kreg panel``. Only `live` imports anywidget."""
