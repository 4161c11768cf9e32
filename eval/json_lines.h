/* lines: JSON lines in, JSON lines out, in order, a window at a time.
 *
 * A line that is not an object, or that the command refuses, ends the run with its number and
 * the reason; the lines before it have been answered. */

#ifndef EVAL_JSON_LINES_H
#define EVAL_JSON_LINES_H

#include "base/err.h"

#include <jansson.h>
#include <stdio.h>

enum { JSON_LINES_WINDOW = 64, JSON_LINES_BYTES_MAX = 16 << 20 };

struct json_lines {
    /* Answers in[0..n) into out[0..n) (new references; JSON's null: no line); on an error *bad
     * is the index it is about. */
    enum err (*answer)(void *self, json_t *const *in, json_t **out, int n, int *bad);
    void *self;
    int window; /* lines taken together, at most JSON_LINES_WINDOW; 1 answers at once */
};

/* `name` stands before line numbers in errors. */
enum err json_lines_run(const struct json_lines *lines, FILE *from, const char *name,
                        FILE *to) MUST_CHECK;

/* The value under `key`. Errors: ERR_PARSE "no `key`". */
enum err json_lines_field(json_t **out, const json_t *line, const char *key) MUST_CHECK;

/* Lists of numbers. json_lines_reals gives NULL, and with it an answer that is NULL, which json_lines_run
 * reports, if a value is not finite: JSON has no word for it. */
json_t *json_lines_ints(const int *value, int n);
json_t *json_lines_reals(const float *value, int n);

/* A string of bytes that may end inside a character: what is not UTF-8 becomes U+FFFD. */
json_t *json_lines_text(const char *bytes, size_t n);

#endif
