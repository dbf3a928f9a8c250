"""The commands: each module is a thin door to what it is named after."""
