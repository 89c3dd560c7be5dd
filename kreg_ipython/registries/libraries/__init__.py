"""One file a library beside Keras: it is imported when the library is, and returns the adapters."""
