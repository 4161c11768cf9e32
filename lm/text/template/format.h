/* format: a value with width, fill, precision and kind, for % (format.c) and for text.format(…)
 * (format_braces.c). For the files of lm/text/template alone. */

#ifndef LM_TEXT_TEMPLATE_FORMAT_H
#define LM_TEXT_TEMPLATE_FORMAT_H

#include "lm/text/template/machine.h"

enum { FORMAT_WIDTH_MAX = 100000, FORMAT_PRECISION_MAX = 100 };

struct format_spec {
    struct string fill;
    char align, sign, kind; /* align '<', '>', '^', '='; 0: not said */
    bool alternate, comma;
    int width, precision; /* -1: not said */
};

/* A precision cuts it, in characters. */
void format_put_text(struct run *run, struct text_writer *writer,
                     const struct format_spec *spec, struct value value);
void format_put_whole(struct run *run, struct text_writer *writer,
                      const struct format_spec *spec, int64_t number);
void format_put_real(struct run *run, struct text_writer *writer,
                     const struct format_spec *spec, double real);

/* As str() writes it, its sign apart. */
void format_put_plain(struct run *run, struct text_writer *writer,
                      const struct format_spec *spec, double real);

/* Digits at fmt[*at], which goes behind them, or -1. Fails above `max`. */
int format_digits(struct run *run, const struct string *fmt, size_t *at, int max);

#endif
