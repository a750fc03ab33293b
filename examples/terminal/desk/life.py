"""Conway's game of life on all of a terminal, also when that changes its size; Ctrl-C ends it."""

import os
import random
import signal
import sys
import time

COLOURS = (231, 158, 115, 79, 73, 67, 61, 60)  # of cells, from the newest to the oldest


def neighbours(cell, cols, rows):
    x, y = cell
    return [
        ((x + dx) % cols, (y + dy) % rows) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy
    ]


def next_of(ages, cols, rows):
    counts = {}
    for cell in ages:
        for near in neighbours(cell, cols, rows):
            counts[near] = counts.get(near, 0) + 1
    return {
        cell: ages.get(cell, -1) + 1
        for cell, count in counts.items()
        if count == 3 or (count == 2 and cell in ages)
    }


def drawn(ages, cols, rows):
    """Two rows of cells are one line: halves of blocks."""

    def colour(x, y):
        return COLOURS[min(ages[x, y], len(COLOURS) - 1)] if (x, y) in ages else None

    def block(upper, lower):
        if upper is None:
            return "\x1b[49m " if lower is None else f"\x1b[49;38;5;{lower}m▄"
        ground = "49" if lower is None else f"48;5;{lower}"
        return f"\x1b[38;5;{upper};{ground}m▀"

    lines = (
        "".join(block(colour(x, y), colour(x, y + 1)) for x in range(cols))
        for y in range(0, rows - 1, 2)
    )
    return "\x1b[H" + "\x1b[0m\r\n".join(lines) + "\x1b[0m"


def world():
    cols, lines = os.get_terminal_size()
    rows = 2 * lines
    count = cols * rows // 6
    ages = {(random.randrange(cols), random.randrange(rows)): 0 for _ in range(count)}
    return ages, cols, rows


def show(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def main():
    signal.signal(signal.SIGWINCH, lambda *_: None)
    show("\x1b[?1049h\x1b[?25l\x1b[2J")
    ages, cols, rows = world()
    try:
        while True:
            size = os.get_terminal_size()
            if (size.columns, 2 * size.lines) != (cols, rows):
                show("\x1b[2J")
                ages, cols, rows = world()
            show(drawn(ages, cols, rows))
            ages = next_of(ages, cols, rows)
            time.sleep(0.08)
    except KeyboardInterrupt:
        pass
    finally:
        show("\x1b[?25h\x1b[?1049l")


if __name__ == "__main__":
    main()
