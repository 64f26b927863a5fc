"""Projects in memory: loaded from the log, written through `submit`, streamed to their rooms."""
