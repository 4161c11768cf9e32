/* cursor: reads MessagePack from bytes that a stranger sent. No allocation, no tree.
 *
 * Errors stick: after the first one every read gives zero and `why` says what was wrong, so a
 * reader checks once, at the end or before it trusts a count. Counts are never larger than the
 * bytes that are left could hold. */

#ifndef PROTO_CURSOR_H
#define PROTO_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *at, *end;
    const char *why; /* NULL while all is well */
};

struct cursor cursor_over(const void *bytes, size_t n);
void cursor_fail(struct cursor *cursor, const char *why); /* the first reason stands */

uint64_t cursor_uint(struct cursor *cursor); /* a whole number that is not negative */
double cursor_real(struct cursor *cursor);   /* finite; whole numbers are welcome */
bool cursor_bool(struct cursor *cursor);
size_t cursor_array(struct cursor *cursor); /* its elements follow */
size_t cursor_map(struct cursor *cursor);   /* its pairs follow */
/* Borrowed bytes; `text` is valid UTF-8 without a zero byte. */
const uint8_t *cursor_bin(struct cursor *cursor, size_t *n);
const char *cursor_text(struct cursor *cursor, size_t *n);
/* Passes over one value of any type, at most 16 deep. */
void cursor_skip(struct cursor *cursor);

#endif
