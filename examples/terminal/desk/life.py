"""Conway's game of life, on all of the terminal, also when that changes its size. Ctrl-C ends it."""

import os
import random
import signal
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
    """Two rows of cells are one line: the upper half of a block, and its background."""
    lines = []
    for y in range(0, rows - 1, 2):
        line = []
        for x in range(cols):
            upper, lower = (
                COLOURS[min(ages[cell], len(COLOURS) - 1)] if cell in ages else 16
                for cell in ((x, y), (x, y + 1))
            )
            line.append(f"\x1b[38;5;{upper};48;5;{lower}m▀" if upper != 16 or lower != 16 else "\x1b[49m ")
        lines.append("".join(line) + "\x1b[0m")
    return "\x1b[H" + "\r\n".join(lines)


def world():
    cols, lines = os.get_terminal_size()
    rows = 2 * lines
    count = cols * rows // 6
    ages = {(random.randrange(cols), random.randrange(rows)): 0 for _ in range(count)}
    return ages, cols, rows


def main():
    signal.signal(signal.SIGWINCH, lambda *_: None)
    print("\x1b[?1049h\x1b[?25l\x1b[2J", end="")
    ages, cols, rows = world()
    try:
        while True:
            size = os.get_terminal_size()
            if (size.columns, 2 * size.lines) != (cols, rows):
                print("\x1b[2J", end="")
                ages, cols, rows = world()
            print(drawn(ages, cols, rows), end="", flush=True)
            ages = next_of(ages, cols, rows)
            time.sleep(0.08)
    except KeyboardInterrupt:
        pass
    finally:
        print("\x1b[?25h\x1b[?1049l", end="")


if __name__ == "__main__":
    main()
