/* gate: who may ask: by key, or, without one, programs of this machine alone. */

#ifndef SERVE_GATE_H
#define SERVE_GATE_H

#include "base/err.h"

#include <microhttpd.h>
#include <stdbool.h>

struct gate {
    bool keyed;
    unsigned char hash[32]; /* of the key */
};

/* The key from a file (its first line), or from the environment's DROVER_API_KEY where `file` is
 * NULL or ""; neither: no key. Errors: ERR_IO, ERR_RANGE (shorter than 16 bytes). */
enum err gate_open(struct gate *gate, const char *file) MUST_CHECK;

/* 0, or the status of a refusal, whose words err_text has. `posts`: a body is to come. */
unsigned gate_check(const struct gate *gate, struct MHD_Connection *from, bool posts);

#endif
