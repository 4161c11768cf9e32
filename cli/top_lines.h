/* top_lines: lines of `drover top`'s screen, and what of it is looked at. */

#ifndef CLI_TOP_LINES_H
#define CLI_TOP_LINES_H

#include "base/say.h"
#include "cli/curves.h"

/* WIDE: columns from which on there is room for what matters less. */
enum { TOP_WIDE = 120, TOP_SILENT_MS = 2500 };
enum { TOP_SCREEN_LINES = 512, TOP_SCREEN_WIDTH = 512 };

enum top_colour { TOP_PLAIN, TOP_TITLE, TOP_GOOD, TOP_WARN, TOP_BAD, TOP_COLOURS };

struct top_line {
    char text[TOP_SCREEN_WIDTH]; /* printable, one line */
    enum top_colour colour;
};

struct top_view {      /* what the keys change; zeros: by host, unfolded, from the first row */
    int height, width; /* of the terminal */
    char sort;         /* h host, r role, t tokens/s, b busy, m memory, w waits; 0: h */
    bool fold;         /* a row a host */
    bool help;         /* the keys instead of the fleet */
    bool ascii;        /* the terminal has no blocks to draw with */
    const struct curves *curves; /* NULL: none are drawn */
    int first;       /* row at the top of the table; corrected when it is beyond the end */
    int rows, shown; /* filled in: of the table; of them on the screen */
};

struct top_lines { /* being filled */
    struct top_line *line;
    int n, most, width;
};

/* A line more while there is room, made printable and cut at the edge. */
void top_lines_put(struct top_lines *out, enum top_colour colour, const char *fmt, ...)
    PRINTF(3, 4);

#endif
