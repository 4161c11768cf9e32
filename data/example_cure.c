/* What a person may do about a record that a trainer refused for its columns.
 *
 * How it works: example_read calls this behind a reader's error, with its words standing. A row
 * of a format that we know is read by naming it; else columns that look like the missing ones
 * are put into the `rename` that would make them so. Other errors keep their words. */
#include "data/example.h"

#include "data/format.h"
#include "data/threads.h"

#include <stdio.h>
#include <string.h>

/* The first of these columns that holds a text or a list; NULL. */
static const char *like(const json_t *row, const char *const *names)
{
    for (int i = 0; names[i]; i++)
        if (json_is_string(json_object_get(row, names[i])) ||
            json_is_array(json_object_get(row, names[i])))
            return names[i];
    return NULL;
}

/* The question and the answers under the names that others give them. */
static enum err say_rename(const json_t *row, enum record_want want)
{
    static const char *const questions[] = {"question", "instruction", "query", "problem",
                                            "input",    "task",        "user",  NULL};
    static const char *const answers[] = {"answer", "response", "output", "solution",
                                          "target", "reply",    NULL};
    static const char *const good[] = {
        "chosen_response", "response_chosen", "preferred", "better",
        "accepted",        "winner",          NULL};
    static const char *const bad[] = {"rejected_response",
                                      "response_rejected",
                                      "dispreferred",
                                      "worse",
                                      "declined",
                                      "loser",
                                      NULL};
    const bool pair = want == RECORD_FOR_PAIRS;
    const bool asks = want == RECORD_FOR_PROMPTS;
    const char *from[3] = {like(row, questions), asks ? NULL : like(row, pair ? good : answers),
                           pair ? like(row, bad) : NULL};
    const char *to[3] = {"prompt", pair ? "chosen" : "completion", "rejected"};
    char list[256];
    size_t n = 0;

    for (int i = 0; i < 3; i++)
        if (from[i] && !json_object_get(row, to[i]))
            n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s: %s", n ? ", " : "",
                                  from[i], to[i]);
    if (n)
        (void)err_set(
            ERR_PARSE,
            "%s; perhaps they have other names: datasets: [{path: FILE, rename: {%s}}]",
            err_text(), list);
    return ERR_PARSE;
}

/* Only where a column is missing: a cure for something else would lead away from it. */
enum err example_cure(const json_t *row, enum record_want want)
{
    const enum format format = format_of(row);

    if (strstr(err_text(), "rename: {") ||
        (!strstr(err_text(), "needs '") && !strstr(err_text(), "is missing")))
        return ERR_PARSE;
    if (format == FORMAT_TRL && threads_message(row))
        return err_set(ERR_PARSE, "%s: say format=oasst", err_text());
    if (format == FORMAT_TRL)
        return say_rename(row, want);
    return err_set(ERR_PARSE, "%s: say format=%s", err_text(), format_name(format));
}
