#include "base/log.h"

#include "base/outlet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const levels[] = {"debug", "info", "warn", "error"};
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

static void put(int level, const char *event, const char *fmt, va_list args)
{
    char line[1024];
    int n;

    if (level < least)
        return;
    n = snprintf(line, sizeof line, "level=%s proc=%s event=%s ", levels[level], name, event);
    vsnprintf(line + n, sizeof line - (size_t)n, fmt, args);
    outlet_look();
    fprintf(stderr, "%s\n", line); /* one call, one line: threads and processes do not mix */
}

#define LEVEL(word, number) \
    void log_##word(const char *event, const char *fmt, ...) \
    { \
        va_list args; \
\
        va_start(args, fmt); \
        put(number, event, fmt, args); \
        va_end(args); \
    }

LEVEL(debug, 0)
LEVEL(info, 1)
LEVEL(warn, 2)
LEVEL(error, 3)
