/* top_screen: what `drover top` has on its screen: lines and their colours, without a terminal. */

#ifndef CLI_TOP_SCREEN_H
#define CLI_TOP_SCREEN_H

#include "proto/msg_stats.h"

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
    int first;         /* row at the top of the table; corrected when it is beyond the end */
    int rows, shown;   /* filled in: of the table; of them on the screen */
};

/* What a key does to the view; false: it is none of these. `key`: a letter, or an enum below. */
enum top_key { TOP_UP = 1, TOP_DOWN, TOP_PAGE_UP, TOP_PAGE_DOWN, TOP_HOME, TOP_END };
bool top_screen_key(struct top_view *view, int key);

/* The screen, at most view->height lines; returns how many. */
int top_screen(const struct msg_stats *stats, struct top_view *view,
               struct top_line line[TOP_SCREEN_LINES]);

#endif
