/* How: the format is walked here, one conversion at a time; numbers are left to snprintf, texts
 * go through printable. */

#include "base/say.h"

#include "base/mem.h"
#include "base/printable.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SPEC = 32, VALUE = 1024 }; /* VALUE: bytes of a text in a line of logfmt */

struct say_spec {
    char text[SPEC]; /* "%-8.3f", stars replaced by their values */
    char kind, size; /* size: 0, l, L for ll, z */
    int precision;   /* of a text; -1: none */
};

/* Reads the conversion at `p` ("%...") and the stars in it; returns its bytes. */
static size_t read_spec(struct say_spec *spec, const char *p, va_list *args)
{
    const size_t n = 1 + strcspn(p + 1, "sdiuxcfeg%") + 1;
    size_t at = 0;

    *spec = (struct say_spec){.kind = p[n - 1], .precision = -1};
    for (size_t i = 0; i < n && at + 12 < SPEC; i++) {
        if (p[i] == '*')
            at += (size_t)snprintf(spec->text + at, SPEC - at, "%d", va_arg(*args, int));
        else
            spec->text[at++] = p[i];
        if (p[i] == 'l')
            spec->size = spec->size == 'l' ? 'L' : 'l';
        else if (p[i] == 'z')
            spec->size = 'z';
    }
    spec->text[at] = 0;
    if (spec->kind == 's' && strchr(spec->text, '.'))
        spec->precision = (int)strtol(strchr(spec->text, '.') + 1, NULL, 10);
    return n;
}

/* The size letters decide what va_arg must take: with the wrong one every later argument is
 * off. */
static void put_number(struct strbuf *buf, const struct say_spec *spec, va_list *args)
{
    char out[400]; /* a double has up to 309 digits before the point */

    if (spec->kind == '%')
        snprintf(out, sizeof out, "%%");
    else if (strchr("feg", spec->kind))
        snprintf(out, sizeof out, spec->text, va_arg(*args, double));
    else if (spec->size == 'z')
        snprintf(out, sizeof out, spec->text, va_arg(*args, size_t));
    else if (spec->size == 'L')
        snprintf(out, sizeof out, spec->text, va_arg(*args, unsigned long long));
    else if (spec->size == 'l')
        snprintf(out, sizeof out, spec->text, va_arg(*args, unsigned long));
    else
        snprintf(out, sizeof out, spec->text, va_arg(*args, unsigned));
    strbuf_put(buf, out, strlen(out));
}

/* May stand in logfmt without quotes. */
static bool one_word(const char *text, size_t n)
{
    return n && !memchr(text, ' ', n) && !memchr(text, '"', n) && !memchr(text, '=', n) &&
           !memchr(text, '\\', n);
}

/* A text value. In logfmt it gets quotes of its own unless the format has opened some around
 * it. */
static void put_text(struct strbuf *buf, const struct say_spec *spec, const char *text,
                     bool fields, bool quoted)
{
    const size_t n =
        spec->precision < 0 ? strlen(text) : strnlen(text, (size_t)spec->precision);
    const bool bare = !fields || (!quoted && one_word(text, n));
    const size_t room = fields ? VALUE : 4 * n + 8;
    char *clean = mem_new(room, 1);
    const int width = spec->text[1] == '-' ? -(int)strtol(spec->text + 2, NULL, 10)
                                           : (int)strtol(spec->text + 1, NULL, 10);

    printable(clean, room, text, n, bare ? PRINTABLE_LINE : PRINTABLE_QUOTED);
    if (!bare && !quoted)
        strbuf_print(buf, "\"%s\"", clean);
    else
        strbuf_print(buf, "%*s", width, clean);
    free(clean);
}

/* `quoted` follows the quotes of the format itself, which are trusted; those of values are not.
 */
void say_strbuf(struct strbuf *buf, bool fields, const char *fmt, va_list *args)
{
    bool quoted = false;

    for (const char *p = fmt; *p;) {
        struct say_spec spec;
        if (*p != '%') {
            quoted ^= *p == '"';
            strbuf_put(buf, p++, 1);
            continue;
        }
        p += read_spec(&spec, p, args);
        if (spec.kind == 's') {
            const char *const text = va_arg(*args, const char *);
            put_text(buf, &spec, text ? text : "?", fields, quoted);
        } else {
            put_number(buf, &spec, args);
        }
    }
}

/* One fwrite: lines of several threads and processes do not mix. */
void say(FILE *to, const char *fmt, ...)
{
    struct strbuf buf = {NULL, 0, 0};
    va_list args;

    va_start(args, fmt);
    say_strbuf(&buf, false, fmt, &args);
    va_end(args);
    if (buf.n)
        fwrite(buf.text, 1, buf.n, to);
    free(buf.text);
}

/* A file or pipe gets the bytes as they are, for they may be meant for a program. */
void say_text(FILE *to, const char *text, size_t n)
{
    char *clean;

    if (!isatty(fileno(to))) {
        fwrite(text, 1, n, to);
        return;
    }
    clean = mem_printable(text, n, PRINTABLE_LINES);
    fputs(clean, to);
    free(clean);
}
