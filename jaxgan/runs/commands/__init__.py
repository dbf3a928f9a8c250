"""The commands: each module is a thin command-line wrapper around a part of this package."""
