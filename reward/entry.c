/* Configuration files and command lines give strings only; specs of scorers have travelled as
 * JSON, and somebody may have written them by hand. So each value is read both ways, here, for
 * the list of rewards, the rules and the kinds alike. Nothing keeps state; a text is the
 * entry's own. */

#include "reward/entry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *entry_text(const json_t *entry, const char *key)
{
    return json_string_value(json_object_get(entry, key));
}

enum err entry_number(double *out, const json_t *entry, const char *key)
{
    const json_t *value = json_object_get(entry, key);
    const char *text = json_string_value(value);
    char *end = NULL;
    double real = NAN;

    if (!value)
        return OK;
    if (json_is_number(value))
        real = json_number_value(value);
    else if (text)
        real = strtod(text, &end);
    if (!isfinite(real) || (text && (end == text || *end)))
        return err_set(ERR_PARSE, "%s: not a number", key);
    *out = real;
    return OK;
}

enum err entry_least(double *out, const json_t *entry, const char *key, double low)
{
    const enum err err = entry_number(out, entry, key);

    if (!err && json_object_get(entry, key) && *out < low)
        return err_set(ERR_RANGE, "%s: %g is less than %g", key, *out, low);
    return err;
}

enum err entry_find(int *out, const char *text, const char *key, const char *const *word, int n)
{
    char known[160] = "";
    size_t at = 0;

    for (*out = 0; *out < n; ++*out) {
        if (!strcmp(text, word[*out]))
            return OK;
        if (at < sizeof known)
            at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", *out ? ", " : "",
                                   word[*out]);
    }
    return err_set(ERR_RANGE, "%s '%s': known are %s", key, text, known);
}

enum err entry_word(int *out, const json_t *entry, const char *key, const char *const *word,
                    int n)
{
    const json_t *value = json_object_get(entry, key);
    const char *text = json_string_value(value);

    *out = 0;
    if (!value)
        return OK;
    if (json_is_boolean(value))
        text = json_is_true(value) ? "true" : "false";
    return entry_find(out, text ? text : "", key, word, n);
}
