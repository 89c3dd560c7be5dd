"""Take models out of the notebook: definitions from the cells become a module, and a fresh process loads the models."""
