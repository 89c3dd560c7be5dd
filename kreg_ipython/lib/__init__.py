"""Tools that know nothing of registries: sources, stacks, names, patches, weak keys, interrupts."""
