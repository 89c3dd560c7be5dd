"""Take models out of the notebook: ``%kreg verify`` proves that they load elsewhere, ``%kreg export`` writes a module."""
