/* json_out: what `json=` means, in every command.
 *
 *   json=true, json=-     standard output gets one JSON object and nothing else: the table for
 *                         people goes to standard error
 *   json=PATH             the object goes to this file, the table to standard output
 *   nothing, json=false   the table alone */

#ifndef CLI_JSON_OUT_H
#define CLI_JSON_OUT_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct json_out {
    char *path; /* NULL: no file */
    FILE *to;   /* where standard output was; NULL: it still is */
};

/* The help of the key. */
#define JSON_OUT_HELP "true or -: one JSON object instead of the table; PATH: it goes there"

/* To be called before anything is printed. `said`: the key's value, or NULL. Errors: ERR_IO. */
enum err json_out_open(struct json_out *out, const char *said) MUST_CHECK;

/* The object (borrowed), if somebody wants it. Errors: ERR_IO, ERR_RANGE (a number that is
 * none). */
enum err json_out_put(struct json_out *out, const json_t *object) MUST_CHECK;

/* The same of an object that is a text already. */
enum err json_out_text(struct json_out *out, const char *text) MUST_CHECK;
bool json_out_wanted(const struct json_out *out);

/* Frees; standard output is again what it was. */
void json_out_close(struct json_out *out);

#endif
