/* template_lines: runs chat templates for a script, to compare them with Jinja2.
 *
 *     template_lines < lines
 *
 * A line is JSON: {"template", "variables"}. The answer is one line: {"text", "spans"}, or
 * {"error", "words"}, error "parse" (Python raises, too) or "range" (a bound, or not done
 * here). strftime_now says Friday 26 July 2024, 13:05:09. */

#include "base/mem.h"
#include "lm/text/template/jinja.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static json_t *failed(enum err err)
{
    return json_pack("{s:s,s:s}", "error", err == ERR_PARSE ? "parse" : "range", "words",
                     err_text());
}

static json_t *answer(const json_t *line)
{
    const struct tm now = {.tm_year = 124,
                           .tm_mon = 6,
                           .tm_mday = 26,
                           .tm_hour = 13,
                           .tm_min = 5,
                           .tm_sec = 9,
                           .tm_wday = 5,
                           .tm_yday = 207};
    const json_t *template = json_object_get(line, "template");
    struct jinja_text text;
    struct jinja *jinja;
    json_t *out, *spans;
    enum err err =
        jinja_open(&jinja, json_string_value(template), json_string_length(template));

    if (err)
        return failed(err);
    err = jinja_run(jinja, json_object_get(line, "variables"), &now, &text);
    jinja_free(jinja);
    if (err)
        return failed(err);
    spans = json_array();
    for (size_t i = 0; i < 2 * text.spans; i++)
        json_array_append_new(spans, json_integer((json_int_t)text.span[i]));
    out = json_pack("{s:o,s:o}", "text", json_stringn(text.text, text.n), "spans", spans);
    jinja_text_free(&text);
    return out;
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    while ((n = getline(&line, &room, stdin)) > 0) {
        json_t *asked = json_loadb(line, (size_t)n, JSON_ALLOW_NUL, NULL);
        json_t *out = asked ? answer(asked) : json_pack("{s:s}", "error", "line");

        json_dumpf(out, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        putchar('\n');
        fflush(stdout);
        json_decref(asked);
        json_decref(out);
    }
    free(line);
    return 0;
}
