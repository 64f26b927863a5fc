"""The pure core: commands go in, events come out, state is their left-to-right merge.

Nothing here awaits, reads a clock, makes an id or draws a random number: those arrive as data.
"""
