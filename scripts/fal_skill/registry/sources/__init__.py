"""Where the registry's facts come from; used when a snapshot is built, never when one is read."""
