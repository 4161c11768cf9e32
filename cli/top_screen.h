/* top_screen: what `drover top` has on its screen: lines and their colours, without a terminal. */

#ifndef CLI_TOP_SCREEN_H
#define CLI_TOP_SCREEN_H

#include "cli/top_lines.h"

/* What a key does to the view; false: it is none of these. `key`: a letter, or an enum below. */
enum top_key { TOP_UP = 1, TOP_DOWN, TOP_PAGE_UP, TOP_PAGE_DOWN, TOP_HOME, TOP_END };
bool top_screen_key(struct top_view *view, int key);

/* The screen, at most view->height lines; returns how many. */
int top_screen(const struct msg_stats *stats, struct top_view *view,
               struct top_line line[TOP_SCREEN_LINES]);

#endif
