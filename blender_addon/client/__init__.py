"""The way to the daemon: one connection, stepped on the main thread. Nothing here touches Blender's data."""
