"""The Workers platform's own spelling, over perdure's native objects.

*Promise*: a program that was written for the platform's Python runs without a changed character;
no other folder knows these names. *May know*: actors, and what they are hosted by.
"""
