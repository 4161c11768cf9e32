/* How: a line is made whole before it is written, by say.h: no value of others ends it, ends a
 * quote or begins a field. */

#include "base/log.h"

#include "base/outlet.h"
#include "base/printable.h"
#include "base/say.h"
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 8192 }; /* bytes: of more, the rest is told by "..." */

static const char *const levels[] = {"debug", "info", "warn", "error"};
/* Written once, by main, before there are threads; read by all. */
static const char *name = "drover";
static int least = 1;

void log_open(const char *process)
{
    name = process;
}

enum err log_level(const char *level)
{
    for (int i = 0; i < 4; i++)
        if (!strcmp(level, levels[i])) {
            least = i;
            return OK;
        }
    return err_set(ERR_RANGE, "log level '%s': debug, info, warn or error", level);
}

/* outlet_look comes before the write: a reader of stderr that has left must not take the line
 * with it. */
static void put(int level, const char *event, const char *fmt, va_list *args)
{
    struct strbuf line = {NULL, 0, 0};
    char cut[LINE];

    if (level < least)
        return;
    strbuf_print(&line, "level=%s proc=%s event=%s ", levels[level], name, event);
    say_strbuf(&line, true, fmt, args);
    printable(cut, sizeof cut, line.text, line.n, PRINTABLE_LINE);
    free(line.text);
    outlet_look();
    fprintf(stderr, "%s\n", cut); /* one call, one line: threads and processes do not mix */
}

#define LEVEL(word, number) \
    void log_##word(const char *event, const char *fmt, ...) \
    { \
        va_list args; \
\
        va_start(args, fmt); \
        put(number, event, fmt, &args); \
        va_end(args); \
    }

LEVEL(debug, 0)
LEVEL(info, 1)
LEVEL(warn, 2)
LEVEL(error, 3)
