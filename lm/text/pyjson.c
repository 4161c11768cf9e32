/* How it works: recursive descent over a jansson value into a growing text. Numbers are the
 * hard part: Python's repr writes the fewest digits that read back to the same double, found
 * here by trying one more digit until strtod agrees, and switches to an exponent outside 1e-4
 * .. 1e16. */

#include "lm/text/pyjson.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

struct pyjson_writer {
    char *text;
    size_t n, room;
    int indent;
};

static void put(struct pyjson_writer *w, const char *text, size_t n)
{
    if (w->room - w->n < n + 1) {
        w->room = 2 * w->room + n + 64;
        w->text = mem_grow(w->text, w->room, 1);
    }
    memcpy(w->text + w->n, text, n);
    w->n += n;
    w->text[w->n] = 0;
}

static void word(struct pyjson_writer *w, const char *text)
{
    put(w, text, strlen(text));
}

/* ensure_ascii=False: only quotes, backslashes and controls are escaped. */
static void string(struct pyjson_writer *w, const char *text, size_t n)
{
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";

    word(w, "\"");
    for (size_t i = 0; i < n; i++) {
        /* strchr finds the zero at the end of its list, too, and a zero is none of these. */
        const char c = text[i], *short_form = c ? strchr(from, c) : NULL;
        char escape[8] = {'\\'};

        if (short_form) {
            escape[1] = to[short_form - from];
            put(w, escape, 2);
        } else if ((unsigned char)c < 0x20) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
            put(w, escape, 6);
        } else {
            put(w, &c, 1);
        }
    }
    word(w, "\"");
}

/* repr(float): the fewest digits that read back, fixed for exponents -5 < e < 16. */
static void real(struct pyjson_writer *w, double value)
{
    char digits[40], out[64], *exponent;
    int precision = 1, e;

    /* Seventeen digits tell any two doubles apart, so this ends with the right number. */
    do
        snprintf(digits, sizeof digits, "%.*e", precision - 1, value);
    while (precision++ < 17 && strtod(digits, NULL) != value);
    exponent = strchr(digits, 'e');
    e = exponent ? (int)strtol(exponent + 1, NULL, 10) : 0;
    if (e >= -4 && e < 16) {
        /* The digits before 'e' without the sign, the point counted as one of them. */
        const int mantissa = (int)(exponent - digits) - (digits[0] == '-');
        const int decimals = (mantissa > 1 ? mantissa - 2 : 0) - e;

        snprintf(out, sizeof out, "%.*f", decimals > 0 ? decimals : 1, value);
    } else {
        snprintf(out, sizeof out, "%.*se%c%02d", (int)(exponent - digits), digits,
                 e < 0 ? '-' : '+', abs(e));
    }
    word(w, out);
}

static void newline(struct pyjson_writer *w, int depth)
{
    if (!w->indent)
        return;
    word(w, "\n");
    for (int i = 0; i < depth * w->indent; i++)
        word(w, " ");
}

static enum err value_(struct pyjson_writer *w, const json_t *value, int depth);

/* An empty list stays on its line, also when indented. */
static enum err list(struct pyjson_writer *w, const json_t *value, int depth)
{
    enum err err = OK;
    json_t *item;
    size_t i;

    word(w, "[");
    json_array_foreach(value, i, item)
    {
        if (i)
            word(w, w->indent ? "," : ", ");
        newline(w, depth + 1);
        err = value_(w, item, depth + 1);
        if (err)
            return err;
    }
    if (json_array_size(value))
        newline(w, depth);
    word(w, "]");
    return OK;
}

/* In the order of the file, as Python's dict keeps it: jansson does the same. */
static enum err object(struct pyjson_writer *w, const json_t *value, int depth)
{
    bool first = true;
    const char *key;
    json_t *item;

    word(w, "{");
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        enum err err;

        if (!first)
            word(w, w->indent ? "," : ", ");
        first = false;
        newline(w, depth + 1);
        string(w, key, strlen(key));
        word(w, ": ");
        err = value_(w, item, depth + 1);
        if (err)
            return err;
    }
    if (!first)
        newline(w, depth);
    word(w, "}");
    return OK;
}

static enum err value_(struct pyjson_writer *w, const json_t *value, int depth)
{
    char number[32];

    if (depth > DEPTH_MAX)
        return err_set(ERR_RANGE, "JSON: nested deeper than %d", DEPTH_MAX);
    if (json_is_object(value))
        return object(w, value, depth);
    if (json_is_array(value))
        return list(w, value, depth);
    if (json_is_string(value)) {
        string(w, json_string_value(value), json_string_length(value));
    } else if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        word(w, number);
    } else if (json_is_real(value)) {
        real(w, json_real_value(value));
    } else {
        word(w, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
    }
    return OK;
}

enum err pyjson_write(const json_t *value, int indent, char **out, size_t *n)
{
    struct pyjson_writer w = {.indent = indent};
    const enum err err = value_(&w, value, 0);

    *out = NULL;
    *n = 0;
    if (err) {
        free(w.text);
        return err;
    }
    *out = w.text;
    *n = w.n;
    return OK;
}
