/* How it works: both ways end in one `spec`: fill, sign, width, precision, kind. Numbers go
 * through the C library's printf with the precision given, which rounds as Python does; width
 * and fill are counted in characters here.
 * What Python would format by a type's own rules (dates, complex numbers) does not occur; the
 * rest of its little language that is left out is refused by name. */
#include "lm/text/template/letters.h"
#include "lm/text/template/limits.h"
#include "lm/text/template/literal.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"
#include "lm/text/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH_MAX = 100000, PRECISION_MAX = 100 };

struct format_spec {
    struct string fill;
    char align, sign, kind; /* align '<', '>', '^', '='; 0: not said */
    bool alternate, comma;
    int width, precision; /* -1: not said */
};

static void pad(struct run *run, struct text_writer *writer, const struct string *fill,
                int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        value_write(run->pool, writer, fill->text, fill->n);
}

/* `head` (a sign) and `text` in the width. */
static void place(struct run *run, struct text_writer *writer, const struct format_spec *spec,
                  const char *head, const char *text, size_t n, char align)
{
    const int64_t lacks = spec->width - (int64_t)strlen(head) - (int64_t)letters_count(text, n);
    const int64_t left = align == '>' ? lacks : align == '^' ? lacks / 2 : 0;

    pad(run, writer, &spec->fill, left);
    value_write(run->pool, writer, head, strlen(head));
    if (align == '=')
        pad(run, writer, &spec->fill, lacks);
    value_write(run->pool, writer, text, n);
    if (align != '=' && lacks > left)
        pad(run, writer, &spec->fill, lacks - left);
}

/* A comma before each three digits of the whole part. */
static void grouped(char *out, size_t room, const char *digits)
{
    const size_t n = strspn(digits, "0123456789");
    size_t m = 0;

    for (size_t i = 0; i < n && m + 2 < room; i++) {
        if (i && (n - i) % 3 == 0)
            out[m++] = ',';
        out[m++] = digits[i];
    }
    snprintf(out + m, room - m, "%s", digits + n);
}

static void put_number(struct run *run, struct text_writer *writer,
                       const struct format_spec *spec, bool minus, const char *digits)
{
    char head[4] = "", wide[1024];
    const char sign = minus ? '-' : spec->sign == '+' || spec->sign == ' ' ? spec->sign : 0;

    if (spec->comma)
        grouped(wide, sizeof wide, digits);
    head[0] = sign;
    if (spec->alternate && strchr("xXo", spec->kind)) {
        const size_t at = sign != 0;

        head[at] = '0';
        head[at + 1] = spec->kind;
    }
    digits = spec->comma ? wide : digits;
    place(run, writer, spec, head, digits, strlen(digits), spec->align ? spec->align : '>');
}

/* Digits of the size, the sign apart: the smallest integer has no positive one. */
static void put_whole(struct run *run, struct text_writer *writer,
                      const struct format_spec *spec, int64_t number)
{
    char digits[128], padded[256];
    uint64_t size = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    size_t at = sizeof digits - 1;
    const unsigned base = spec->kind == 'x' || spec->kind == 'X' ? 16
                          : spec->kind == 'o'                    ? 8
                          : spec->kind == 'b'                    ? 2
                                                                 : 10;

    digits[at] = 0;
    do {
        digits[--at] =
            (spec->kind == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[size % base];
        size /= base;
    } while (size);
    snprintf(padded, sizeof padded, "%s%s", "", digits + at);
    /* %.5d: at least so many digits. */
    if (spec->precision > (int)strlen(digits + at)) {
        const size_t zeros = (size_t)spec->precision - strlen(digits + at);

        memset(padded, '0', zeros);
        snprintf(padded + zeros, sizeof padded - zeros, "%s", digits + at);
    }
    put_number(run, writer, spec, number < 0, padded);
}

/* The sign apart here, too, so that zeros can be filled in behind it. */
static void put_real(struct run *run, struct text_writer *writer,
                     const struct format_spec *spec, double real)
{
    char digits[512], fmt[8] = "%.*f";
    const int precision = spec->precision < 0 ? 6 : spec->precision;
    const char kind = spec->kind == '%' ? 'f' : spec->kind;

    fmt[3] = kind;
    if (spec->kind == '%')
        real *= 100;
    if (isnan(real) || isinf(real))
        snprintf(digits, sizeof digits, "%s", isnan(real) ? "nan" : "inf");
    else
    /* The kind is one of eEfFgG. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(digits, sizeof digits - 2, fmt, precision, fabs(real));
#pragma GCC diagnostic pop
    if (spec->kind == '%')
        strncat(digits, "%", 2);
    put_number(run, writer, spec, signbit(real) && !isnan(real), digits);
}

/* A precision cuts it, in characters. */
static void put_text(struct run *run, struct text_writer *writer,
                     const struct format_spec *spec, struct value value)
{
    const struct string *s = print_string(run, value).as.string;
    size_t n = s->n;

    if (spec->precision >= 0)
        n = letters_offset(s->text, s->n, (size_t)spec->precision);
    place(run, writer, spec, "", s->text, n, spec->align ? spec->align : '<');
}

/* The item of a % that `values` has next, or under `key`. */
static struct value next_value(struct run *run, struct value values, size_t *at,
                               const struct string *key)
{
    const bool several = values.kind == KIND_TUPLE || values.kind == KIND_GROUP;
    const struct value *there;

    if (key) {
        if (values.kind != KIND_DICT)
            run_fail(run, "format requires a mapping");
        there =
            value_find(run->pool, values.as.dict, value_string(run->pool, key->text, key->n));
        if (!there)
            run_fail(run, "no key '%.*s' for the format", (int)key->n, key->text);
        return *there;
    }
    if (*at >= (several ? values.as.list->n : 1))
        run_fail(run, "not enough arguments for format string");
    return several ? values.as.list->item[(*at)++] : (++*at, values);
}

/* Digits at fmt[*at], or -1. */
static int digits(struct run *run, const struct string *fmt, size_t *at, int max)
{
    int number = -1;

    while (*at < fmt->n && fmt->text[*at] >= '0' && fmt->text[*at] <= '9') {
        number = (number < 0 ? 0 : number) * 10 + fmt->text[(*at)++] - '0';
        if (number > max)
            pool_fail(run->pool, ERR_RANGE, "a format's number of more than %d", max);
    }
    return number;
}

/* Flags, width and precision behind '%'. */
static struct format_spec percent_spec(struct run *run, const struct string *fmt, size_t *at)
{
    struct format_spec spec = {.fill = {" ", 1}, .align = '>', .precision = -1};
    bool left = false, zero = false;

    for (; *at < fmt->n && strchr("-+ #0", fmt->text[*at]) && fmt->text[*at]; ++*at) {
        left |= fmt->text[*at] == '-';
        zero |= fmt->text[*at] == '0';
        spec.alternate |= fmt->text[*at] == '#';
        if (fmt->text[*at] == '+' || (fmt->text[*at] == ' ' && !spec.sign))
            spec.sign = fmt->text[*at];
    }
    spec.width = digits(run, fmt, at, WIDTH_MAX);
    if (*at < fmt->n && fmt->text[*at] == '.') {
        ++*at;
        spec.precision = digits(run, fmt, at, PRECISION_MAX);
        spec.precision = spec.precision < 0 ? 0 : spec.precision;
    }
    spec.align = left ? '<' : zero ? '=' : '>';
    spec.fill.text = zero && !left ? "0" : " ";
    spec.kind = *at < fmt->n ? fmt->text[(*at)++] : 0;
    return spec;
}

/* A float is cut to an integer for %d, and no other. */
static void percent_number(struct run *run, struct text_writer *writer,
                           struct format_spec *spec, struct value value)
{
    int64_t number;

    if (!compare_number(value))
        run_fail(run, "%%%c format: a real number is required, not %s", spec->kind,
                 value_type(value));
    if (strchr("eEfFgG", spec->kind)) {
        put_real(run, writer, spec, compare_real(value));
        return;
    }
    if (!compare_whole(value, &number)) {
        if (!strchr("diu", spec->kind) || !(fabs(value.as.real) < 9e18))
            run_fail(run, "%%%c format: an integer is required, not float", spec->kind);
        number = (int64_t)value.as.real;
    }
    put_whole(run, writer, spec, number);
}

static void percent_one(struct run *run, struct text_writer *writer, const struct string *fmt,
                        size_t *at, struct value values, size_t *used)
{
    struct string key, *named = NULL;
    struct format_spec spec;
    struct value value;
    struct text_writer repr = {.text = NULL};

    if (*at < fmt->n && fmt->text[*at] == '(') {
        const char *end = memchr(fmt->text + *at, ')', fmt->n - *at);

        if (!end)
            run_fail(run, "incomplete format key");
        key = (struct string){fmt->text + *at + 1, (size_t)(end - fmt->text) - *at - 1};
        named = &key;
        *at = (size_t)(end - fmt->text) + 1;
    }
    spec = percent_spec(run, fmt, at);
    if (spec.kind == '%') {
        value_write(run->pool, writer, "%", 1);
        return;
    }
    if (!spec.kind || !strchr("srdiuxXoeEfFgG", spec.kind))
        run_fail(run, "unsupported format character '%c'", spec.kind ? spec.kind : '?');
    value = next_value(run, values, used, named);
    if (!strchr("sr", spec.kind)) {
        percent_number(run, writer, &spec, value);
        return;
    }
    if (spec.kind == 'r') {
        print_repr(run, &repr, value);
        value = value_written(run->pool, &repr);
    }
    spec.fill.text = " ";
    spec.align = spec.align == '=' ? '>' : spec.align;
    put_text(run, writer, &spec, value);
}

struct value format_percent(struct run *run, const struct string *fmt, struct value values)
{
    struct text_writer writer = {.text = NULL};
    size_t used = 0;

    for (size_t at = 0; at < fmt->n;) {
        if (fmt->text[at] == '%') {
            at++;
            percent_one(run, &writer, fmt, &at, values, &used);
        } else {
            value_write(run->pool, &writer, &fmt->text[at++], 1);
        }
    }
    if (values.kind == KIND_TUPLE || values.kind == KIND_GROUP
            ? used < values.as.list->n
            : !used && values.kind != KIND_DICT && values.kind != KIND_LIST)
        run_fail(run, "not all arguments converted during string formatting");
    return value_written(run->pool, &writer);
}

/* The character at s[at] if it is one of `set`, and `at` goes behind it; else 0. */
static char one_of(const struct string *s, size_t *at, const char *set)
{
    if (*at >= s->n || !s->text[*at] || !strchr(set, s->text[*at]))
        return 0;
    return s->text[(*at)++];
}

/* [fill]align */
static size_t brace_align(const struct string *s, struct format_spec *spec)
{
    size_t at = letters_offset(s->text, s->n, 1);

    spec->fill = (struct string){s->text, at};
    spec->align = one_of(s, &at, "<>^=");
    if (spec->align)
        return at;
    spec->fill = (struct string){" ", 1};
    at = 0;
    spec->align = one_of(s, &at, "<>^=");
    return at;
}

/* [[fill]align][sign][#][0][width][,][.precision][kind] */
static struct format_spec brace_spec(struct run *run, const struct string *s)
{
    struct format_spec spec = {.precision = -1};
    size_t at = brace_align(s, &spec);

    spec.sign = one_of(s, &at, "+- ");
    spec.alternate = one_of(s, &at, "#") != 0;
    if (one_of(s, &at, "0") && !spec.align) {
        spec.align = '=';
        spec.fill.text = "0";
    }
    spec.width = digits(run, s, &at, WIDTH_MAX);
    spec.comma = one_of(s, &at, ",") != 0;
    if (one_of(s, &at, ".")) {
        spec.precision = digits(run, s, &at, PRECISION_MAX);
        if (spec.precision < 0)
            run_fail(run, "format specifier missing precision");
    }
    if (at < s->n)
        spec.kind = s->text[at++];
    if (at < s->n)
        run_fail(run, "invalid format specifier");
    return spec;
}

/* By the value's kind: each has its own letters. */
static void brace_value(struct run *run, struct text_writer *writer, struct value value,
                        const struct string *text)
{
    struct format_spec spec;
    int64_t number;

    if (!text->n) {
        print_str(run, writer, value);
        return;
    }
    spec = brace_spec(run, text);
    if (value.kind == KIND_STRING && (!spec.kind || spec.kind == 's')) {
        put_text(run, writer, &spec, value);
    } else if (!compare_number(value)) {
        run_fail(run, "unsupported format string passed to %s.__format__", value_type(value));
    } else if (compare_whole(value, &number) && (!spec.kind || strchr("dxXob", spec.kind))) {
        if (spec.precision >= 0)
            run_fail(run, "precision not allowed in integer format specifier");
        put_whole(run, writer, &spec, number);
    } else if (spec.kind && strchr("eEfFgG%", spec.kind)) {
        put_real(run, writer, &spec, compare_real(value));
    } else if (spec.kind && !strchr("cn", spec.kind)) {
        run_fail(run, "unknown format code '%c' for object of type '%s'", spec.kind,
                 value_type(value));
    } else {
        pool_fail(run->pool, ERR_RANGE, "the format specifier '%.*s' is not done here",
                  (int)(text->n < 40 ? text->n : 40), text->text);
    }
}

/* Bytes before the first of `set`. */
static size_t bytes_before(const struct string *s, const char *set)
{
    size_t n = 0;

    while (n < s->n && (!s->text[n] || !strchr(set, s->text[n])))
        n++;
    return n;
}

/* The argument of this number or name; the next one for "". */
static struct value argument(struct run *run, const struct string *name,
                             const struct args *args, size_t *next)
{
    int64_t number;

    if (!name->n || literal_int(run->pool, name, 10, &number)) {
        number = name->n ? number : (int64_t)(*next)++;
        if (number < 0 || (size_t)number >= args->n)
            run_fail(run, "replacement index %" PRId64 " out of range", number);
        return args->item[number];
    }
    for (size_t i = 0; i < args->named; i++)
        if (args->name[i].n == name->n && !memcmp(args->name[i].text, name->text, name->n))
            return args->item[args->n + i];
    run_fail(run, "no argument '%.*s' for the format", (int)name->n, name->text);
}

/* name, .attribute and [item] of a field. */
static struct value field(struct run *run, const struct string *name, const struct args *args,
                          size_t *next)
{
    const size_t first = name->n ? bytes_before(name, ".[") : 0;
    struct string part = {name->text, first};
    struct value value = argument(run, &part, args, next);
    size_t end = first, start;
    int64_t number;

    while (end < name->n) {
        const bool item = name->text[end] == '[';

        start = ++end;
        part = (struct string){name->text + start, name->n - start};
        end += bytes_before(&part, item ? "]" : ".[");
        part = (struct string){name->text + start, end - start};
        if (item && literal_int(run->pool, &part, 10, &number))
            value = evaluate_item(run, value, value_int(number));
        else if (item)
            value = evaluate_item(run, value, value_string(run->pool, part.text, part.n));
        else
            value = evaluate_attribute(run, value, &part);
        end += item;
    }
    return value;
}

/* What stands between braces at fmt[at]; returns behind them. */
static size_t brace(struct run *run, struct text_writer *writer, const struct string *fmt,
                    size_t at, const struct args *args, size_t *next)
{
    const char *end = memchr(fmt->text + at, '}', fmt->n - at);
    struct string name, spec = {"", 0};
    struct text_writer repr = {.text = NULL};
    struct value value;
    const char *mark;

    if (!end)
        run_fail(run, "expected '}' before end of string");
    name = (struct string){fmt->text + at, (size_t)(end - fmt->text) - at};
    if (memchr(name.text, '{', name.n))
        pool_fail(run->pool, ERR_RANGE, "nested fields of format are not done here");
    mark = memchr(name.text, ':', name.n);
    if (mark) {
        spec = (struct string){mark + 1, name.n - (size_t)(mark - name.text) - 1};
        name.n = (size_t)(mark - name.text);
    }
    mark = memchr(name.text, '!', name.n);
    if (mark)
        name.n = (size_t)(mark - name.text);
    value = field(run, &name, args, next);
    if (mark && mark[1] == 'r') {
        print_repr(run, &repr, value);
        value = value_written(run->pool, &repr);
    } else if (mark) {
        value = print_string(run, value);
    }
    brace_value(run, writer, value, &spec);
    return (size_t)(end - fmt->text) + 1;
}

struct value format_braces(struct run *run, const struct string *fmt, const struct args *args)
{
    struct text_writer writer = {.text = NULL};
    size_t next = 0;

    for (size_t at = 0; at < fmt->n;) {
        const char c = fmt->text[at];
        const bool twice = at + 1 < fmt->n && fmt->text[at + 1] == c;

        if ((c == '{' || c == '}') && twice) {
            value_write(run->pool, &writer, &c, 1);
            at += 2;
        } else if (c == '{') {
            at = brace(run, &writer, fmt, at + 1, args, &next);
        } else if (c == '}') {
            run_fail(run, "single '}' encountered in format string");
        } else {
            value_write(run->pool, &writer, &c, 1);
            at++;
        }
    }
    return value_written(run->pool, &writer);
}
