/* How it works: one row of a table a character of the pattern: which prefixes of the path the
 * pattern so far can be. Going back and forth, as one would by hand, takes time without limit for
 * patterns such as a*a*a*a*b, and patterns come out of files of others. */
#include "data/glob.h"

#include "base/mem.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* [abc], [a-z], [!a] at `at`; *n: its length. A bracket without an end is itself. */
static bool in_class(const char *at, char c, size_t *n)
{
    const bool not = at[1] == '!' || at[1] == '^';
    size_t i = 1 + (size_t) not ;
    bool found = false;

    for (bool first = true; at[i] && (first || at[i] != ']'); first = false) {
        if (at[i + 1] == '-' && at[i + 2] && at[i + 2] != ']') {
            found = found || (c >= at[i] && c <= at[i + 2]);
            i += 3;
        } else {
            found = found || c == at[i];
            i++;
        }
    }
    *n = at[i] ? i + 1 : 0;
    return at[i] ? found != not : c == '[';
}

/* A folder separator is never matched by ?, * or a class that does not name it. */
static bool one(const char *at, char c, size_t *n)
{
    bool yes;

    *n = 1;
    if (*at == '?')
        return c != '/';
    if (*at != '[')
        return c == *at;
    yes = in_class(at, c, n);
    if (!*n)
        *n = 1;
    return yes;
}

/* What is reached at k stays so for all that follow, to the next slash or to the end. */
static void spread(bool *reached, const char *path, size_t m, bool across)
{
    bool on = false;

    for (size_t k = 0; k <= m; k++) {
        on = on || reached[k];
        reached[k] = on;
        if (!across && k < m && path[k] == '/')
            on = false;
    }
}

/* "**" followed by a slash is any number of folders, none too. */
static void folders(bool *reached, const char *path, size_t m)
{
    bool seen = false;

    for (size_t k = 0; k <= m; k++) {
        const bool here = reached[k];
        reached[k] = here || (seen && k && path[k - 1] == '/');
        seen = seen || here;
    }
}

bool glob_match(const char *pattern, const char *path)
{
    const size_t m = strlen(path);
    bool *now = mem_new(m + 2, sizeof *now), *next = mem_new(m + 2, sizeof *next), *swap, yes;

    now[0] = true;
    while (*pattern) {
        size_t n = 1;
        if (pattern[0] == '*' && pattern[1] == '*') {
            while (*pattern == '*')
                pattern++;
            if (*pattern == '/') {
                folders(now, path, m);
                pattern++;
            } else {
                spread(now, path, m, true);
            }
            continue;
        }
        if (*pattern == '*') {
            spread(now, path, m, false);
            pattern++;
            continue;
        }
        memset(next, 0, (m + 1) * sizeof *next);
        for (size_t k = 0; k < m; k++)
            if (one(pattern, path[k], &n) && now[k])
                next[k + 1] = true;
        swap = now;
        now = next;
        next = swap;
        if (!m)
            one(pattern, 0, &n);
        pattern += n;
    }
    yes = now[m];
    free(now);
    free(next);
    return yes;
}
