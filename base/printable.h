/* printable: text that others wrote, made fit for a terminal, a log or a page.
 *
 * Characters that are seen stay. Those that act instead are written out, as C does: controls
 * and DEL (\n, \t, \x1b), the second set of controls (\u009b), what turns the direction of
 * writing around or hides text (\u202e), line separators, tags; bytes that are no UTF-8 too
 * (\xff). What comes out is valid UTF-8 on one line. Made printable twice it is the same. */

#ifndef BASE_PRINTABLE_H
#define BASE_PRINTABLE_H

#include <stddef.h>

enum printable_how {
    PRINTABLE_LINE = 0,
    PRINTABLE_LINES = 1,  /* \n and \t stay: text of several lines */
    PRINTABLE_QUOTED = 2, /* " and \ are written \" and \\: a value between quotes */
    PRINTABLE_CUT = 4,    /* what has no room goes without a word; any room but none will do */
};

/* Into `out` of `room` bytes, at least 8, with a zero at the end; returns the
 * length. What has no room is cut between characters, and "..." stands for it. */
size_t printable(char *out, size_t room, const char *text, size_t n, unsigned how);

/* A text of one line, the same way. */
void printable_copy(char *out, size_t room, const char *text);

#endif
