/* zpl: the few lines of ZPL (zeromq RFC 4) that certificates consist of: `name = "value"`. */

#ifndef PROTO_ZPL_H
#define PROTO_ZPL_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/* The value of the first such line, whatever it is indented by. False, and "": there is none, it
 * is not closed, or has no room. */
bool zpl_text(char *out, size_t room, const char *text, const char *name);
/* A whole number below 2^53; `other` where there is none. */
int64_t zpl_number(const char *text, const char *name, int64_t other);

/* A line at its place; values hold neither quotes nor line ends. */
void zpl_put(struct strbuf *out, const char *name, const char *value);
void zpl_put_number(struct strbuf *out, const char *name, int64_t value);

#endif
