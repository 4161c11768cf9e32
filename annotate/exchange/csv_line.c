/* Numbers go out bare: they are ours, and cannot be a formula. Every text is looked at. */

#include "annotate/exchange/csv_line.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Would somebody take it for something else than this text? */
static bool is_mistaken(const char *text)
{
    static const char *const words[] = {"na",   "n/a",  "nan",   "null", "none",
                                        "nil",  "true", "false", "inf",  "infinity",
                                        "#n/a", "<na>", "#na"};

    if (!*text || strchr("=+-@\t\r'.[{", *text) || isdigit((unsigned char)*text))
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(text, words[i]))
            return true;
    return isspace((unsigned char)*text);
}

/* Always quoted: a comma, a quote or an end of line inside needs no look. */
static void put_quoted(struct strbuf *out, const char *text, bool marked)
{
    strbuf_put(out, marked ? "\"'" : "\"", marked ? 2 : 1);
    for (; *text; text++)
        strbuf_put(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    strbuf_put(out, "\"", 1);
}

/* Null and missing are both an empty cell; an empty text is not: it has its mark. */
static void put_cell(struct strbuf *out, const json_t *value)
{
    char *dump;

    if (!value || json_is_null(value))
        return;
    if (json_is_string(value)) {
        put_quoted(out, json_string_value(value), is_mistaken(json_string_value(value)));
        return;
    }
    dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (dump && json_is_number(value))
        strbuf_put(out, dump, strlen(dump));
    else if (dump)
        put_quoted(out, dump, false);
    free(dump);
}

void csv_line_put(struct strbuf *out, const json_t *row, const char *const *columns)
{
    for (int i = 0; columns[i]; i++) {
        if (i)
            strbuf_put(out, ",", 1);
        put_cell(out, json_object_get(row, columns[i]));
    }
    strbuf_put(out, "\r\n", 2);
}

/* Names are ours: letters, digits, underscores. */
void csv_line_names(struct strbuf *out, const char *const *columns)
{
    for (int i = 0; columns[i]; i++)
        strbuf_print(out, "%s%s", i ? "," : "", columns[i]);
    strbuf_put(out, "\r\n", 2);
}

const char *csv_line_text(const char *cell)
{
    return *cell == '\'' ? cell + 1 : cell;
}
