/* say: lines for people in which the values may come from anyone.
 *
 * As printf, but each text value (%s) becomes printable (printable.h) before it is put in: it
 * cannot steer a terminal, end the line or begin another. The format itself stays as it is.
 * Conversions: %s %d %i %u %x %c %f %e %g %%, with sizes l, ll, z, with width and precision. */

#ifndef BASE_SAY_H
#define BASE_SAY_H

#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

struct strbuf;

/* Writes to `to` as one piece. A stream that takes no more shows that by ferror. */
void say(FILE *to, const char *fmt, ...) PRINTF(2, 3);

/* What a model or a file wrote, exactly as it is; a terminal gets it printable, with its lines
 * and tabs. */
void say_text(FILE *to, const char *text, size_t n);

/* As say, behind what `strbuf` holds. With `fields` it is a line of logfmt: a value that is not
 * one word gets quotes of its own, unless the format has opened some; quotes in it are
 * escaped. */
void say_strbuf(struct strbuf *buf, bool fields, const char *fmt, va_list *args);

#endif
