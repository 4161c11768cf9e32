/* A line is looked for from the top each time: a certificate has a dozen. Nothing else of ZPL
 * (lists, nesting, comments behind a value) is read, because nothing here writes it. */

#include "proto/zpl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Behind the opening quote; NULL if there is no such line. */
static const char *value_of(const char *text, const char *name)
{
    const size_t n = strlen(name);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += strspn(line, " \t\r\n");
        if (!strncmp(line, name, n) && strchr(" \t=", line[n]) && line[n]) {
            const char *value = line + n + strspn(line + n, " \t=");
            return *value == '"' ? value + 1 : NULL;
        }
    }
    return NULL;
}

bool zpl_text(char *out, size_t room, const char *text, const char *name)
{
    const char *const value = value_of(text, name);
    const size_t n = value ? strcspn(value, "\"\n") : 0;

    *out = 0;
    if (!value || value[n] != '"' || n >= room)
        return false;
    memcpy(out, value, n);
    out[n] = 0;
    return true;
}

int64_t zpl_number(const char *text, const char *name, int64_t other)
{
    char value[24], *end;
    long long n;

    if (!zpl_text(value, sizeof value, text, name) || !*value)
        return other;
    errno = 0;
    n = strtoll(value, &end, 10);
    return *end || errno || n < 0 || n >= INT64_C(1) << 53 ? other : (int64_t)n;
}

void zpl_put(struct strbuf *out, const char *name, const char *value)
{
    strbuf_print(out, "    %s = \"%s\"\n", name, value);
}

void zpl_put_number(struct strbuf *out, const char *name, int64_t value)
{
    strbuf_print(out, "    %s = \"%lld\"\n", name, (long long)value);
}
