/* The width counts bytes, so that a line of letters that take several is short rather than folded. What
 * is said was written by other machines. */
#include "cli/top_lines.h"

#include "base/printable.h"
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdlib.h>

void top_lines_put(struct top_lines *s, enum top_colour colour, const char *fmt, ...)
{
    struct strbuf text = {NULL, 0, 0};
    size_t room = (size_t)s->width + 1;
    va_list args;

    if (s->n >= s->most)
        return;
    if (room > TOP_SCREEN_WIDTH)
        room = TOP_SCREEN_WIDTH;
    va_start(args, fmt);
    say_strbuf(&text, false, fmt, &args);
    va_end(args);
    printable(s->line[s->n].text, room < 8 ? 8 : room, text.text ? text.text : "", text.n,
              PRINTABLE_LINE | PRINTABLE_CUT);
    s->line[s->n++].colour = colour;
    free(text.text);
}
