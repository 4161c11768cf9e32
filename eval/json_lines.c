/* How it works: lines are read into a window; when it is full, or at the end, the command
 * answers all of them at once (that is where batching comes from), and the answers are written
 * in their order. An error names the line it is about: `bad` is its place in the window, which
 * knows each line's number. Answers of earlier windows stay written. */
#include "eval/json_lines.h"

#include "base/mem.h"
#include "base/say.h"
#include "data/jsonl.h"
#include "lm/text/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Lines that wait for their answers. */
struct json_lines_window {
    json_t *in[JSON_LINES_WINDOW], *out[JSON_LINES_WINDOW];
    long number[JSON_LINES_WINDOW]; /* of the line in its file */
    int n;
};

/* Answers that were not written go, too: the run has ended. */
static void clear(struct json_lines_window *w)
{
    for (int i = 0; i < w->n; i++) {
        json_decref(w->in[i]);
        json_decref(w->out[i]);
    }
    memset(w, 0, sizeof *w);
}

/* A line of JSON; false if `to` takes no more. */
static bool put(FILE *to, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(9));

    if (text)
        say_text(to, text, strlen(text));
    free(text);
    return text && fputc('\n', to) != EOF && !ferror(to);
}

/* Answers, writes and empties the window. */
static enum err flush(const struct json_lines *lines, struct json_lines_window *w,
                      const char *name, FILE *to)
{
    int bad = 0;
    enum err err = w->n ? lines->answer(lines->self, w->in, w->out, w->n, &bad) : OK;

    if (err)
        err = err_add("%s:%ld", name, w->number[bad]);
    for (int i = 0; i < w->n && !err; i++) {
        if (!w->out[i])
            err = err_set(ERR_RANGE,
                          "%s:%ld: the model's output is not a number: damaged weights?", name,
                          w->number[i]);
        else if (json_is_null(w->out[i]))
            continue;
        else if (!put(to, w->out[i]))
            err = err_set(ERR_IO, "cannot write the answers: %s", strerror(errno));
    }
    if (!err && fflush(to))
        err = err_set(ERR_IO, "cannot write the answers: %s", strerror(errno));
    clear(w);
    return err;
}

/* A line more in the window. */
static enum err take(struct json_lines_window *w, const char *line, size_t n, const char *name,
                     long number)
{
    json_error_t why;
    json_t *value = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);

    if (!value) {
        (void)jsonl_refused(&why);
        return err_add("%s:%ld", name, number);
    }
    if (!json_is_object(value)) {
        json_decref(value);
        return err_set(ERR_PARSE, "%s:%ld: expected an object {…}", name, number);
    }
    w->in[w->n] = value;
    w->number[w->n++] = number;
    return OK;
}

/* An empty line is none. A window that is full is answered before the next line is read. */
enum err json_lines_run(const struct json_lines *lines, FILE *from, const char *name, FILE *to)
{
    struct json_lines_window w = {.n = 0};
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    enum err err = OK;

    for (long number = 1; !err && (n = getline(&line, &room, from)) >= 0; number++) {
        if (n > JSON_LINES_BYTES_MAX)
            err = err_set(ERR_RANGE, "%s:%ld: longer than %d bytes", name, number,
                          JSON_LINES_BYTES_MAX);
        else if (strspn(line, " \t\r\n") != (size_t)n)
            err = take(&w, line, (size_t)n, name, number);
        if (!err && w.n == lines->window)
            err = flush(lines, &w, name, to);
    }
    if (!err && ferror(from))
        err = err_set(ERR_IO, "%s: %s", name, strerror(errno));
    if (!err)
        err = flush(lines, &w, name, to);
    clear(&w);
    free(line);
    return err;
}

enum err json_lines_field(json_t **out, const json_t *line, const char *key)
{
    *out = json_object_get(line, key);
    return *out ? OK : err_set(ERR_PARSE, "no `%s` in the line", key);
}

json_t *json_lines_ints(const int *value, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_integer(value[i]));
    return list;
}

json_t *json_lines_reals(const float *value, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        if (json_array_append_new(list, json_real((double)value[i]))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* A model may stop inside a character; JSON may not. */
json_t *json_lines_text(const char *bytes, size_t n)
{
    char *text = utf8_lossy(bytes, n, &n);
    json_t *string = json_stringn(text, n);

    free(text);
    return string;
}
