/* fields: what stands in a request's body, field by field, each with its range.
 *
 * The first field that is wrong is the one that an error names. A field that is null is as one
 * that is not there. */

#ifndef SERVE_FIELDS_H
#define SERVE_FIELDS_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct fields {
    const json_t *object; /* borrowed */
    const char *wrong;    /* the field that the standing error is about, or NULL; a literal */
    char strange[64];     /* its room, where the name is the client's */
};

/* The field, or NULL. */
const json_t *fields_get(const struct fields *fields, const char *name);

/* Each leaves *out as it is when the field is not there. Errors: ERR_PARSE (another type),
 * ERR_RANGE; the words begin with the field's name, which is in `wrong`. */
enum err fields_int(struct fields *fields, const char *name, int64_t low, int64_t high,
                    int64_t *out) MUST_CHECK;
enum err fields_real(struct fields *fields, const char *name, double low, double high,
                     float *out) MUST_CHECK;
enum err fields_bool(struct fields *fields, const char *name, bool *out) MUST_CHECK;

/* Notes `name` as wrong; `code` with words. */
enum err fields_fault(struct fields *fields, const char *name, enum err code, const char *fmt,
                      ...) PRINTF(4, 5) MUST_CHECK;

/* Looks through all fields of the object. One that this server does not do, and that asks for
 * something, is refused: its answer would be another than asked for. One that nobody knows is
 * told in `warnings`, a list of texts that grows. Errors: ERR_RANGE. */
enum err fields_known(struct fields *fields, bool chat, json_t *warnings) MUST_CHECK;

#endif
