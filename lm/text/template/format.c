/* How it works: the % operator, and what both ways of formatting end in: one `spec` of fill,
 * sign, width, precision, kind. Numbers go through the C library's printf with the precision
 * given, which rounds as Python does; width and fill are counted in characters here.
 * What Python would format by a type's own rules (dates, complex numbers) does not occur; the
 * rest of its little language that is left out is refused by name. */
#include "lm/text/template/format.h"

#include "lm/text/template/letters.h"
#include "lm/text/template/literal.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"
#include "lm/text/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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
void format_put_whole(struct run *run, struct text_writer *writer,
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
void format_put_real(struct run *run, struct text_writer *writer,
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

void format_put_plain(struct run *run, struct text_writer *writer,
                      const struct format_spec *spec, double real)
{
    struct text_writer plain = {.text = NULL};

    print_float(run->pool, &plain, isnan(real) ? real : fabs(real));
    value_write(run->pool, &plain, "", 1);
    put_number(run, writer, spec, signbit(real) && !isnan(real), plain.text);
}

/* A precision cuts it, in characters. */
void format_put_text(struct run *run, struct text_writer *writer,
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
int format_digits(struct run *run, const struct string *fmt, size_t *at, int max)
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
    spec.width = format_digits(run, fmt, at, FORMAT_WIDTH_MAX);
    if (*at < fmt->n && fmt->text[*at] == '.') {
        ++*at;
        spec.precision = format_digits(run, fmt, at, FORMAT_PRECISION_MAX);
        spec.precision = spec.precision < 0 ? 0 : spec.precision;
    }
    spec.align = left ? '<' : zero ? '=' : '>';
    spec.fill.text = zero && !left ? "0" : " ";
    spec.kind = *at < fmt->n ? fmt->text[(*at)++] : 0;
    return spec;
}

/* What stands in a safe text is wrapped there: a text that reads as a number is one to %d and
 * %f, and nothing is one to %x. */
static struct value unwrapped(struct run *run, char kind, struct value value)
{
    int64_t number;
    double real;

    if (strchr("xXo", kind))
        run_fail(run, "%%%c format: an integer is required", kind);
    if (value.kind != KIND_STRING)
        return value;
    if (strchr("diu", kind) && literal_int(run->pool, value.as.string, 10, &number))
        return value_int(number);
    if (strchr("eEfFgG", kind) && literal_float(run->pool, value.as.string, &real))
        return value_float(real);
    run_fail(run, "%%%c format: no number", kind);
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
        format_put_real(run, writer, spec, compare_real(value));
        return;
    }
    if (!compare_whole(value, &number)) {
        if (!strchr("diu", spec->kind) || !(fabs(value.as.real) < 9e18))
            run_fail(run, "%%%c format: an integer is required, not float", spec->kind);
        number = (int64_t)value.as.real;
    }
    format_put_whole(run, writer, spec, number);
}

/* A text's, or what the value is as text. */
static void percent_text(struct run *run, struct text_writer *writer, struct format_spec *spec,
                         struct value value, bool safe)
{
    struct text_writer repr = {.text = NULL};

    if (spec->kind == 'r') {
        print_repr(run, &repr, value);
        value = value_written(run->pool, &repr);
    }
    if (safe)
        value = markup_escape(run, value);
    spec->fill.text = " ";
    spec->align = spec->align == '=' ? '>' : spec->align;
    format_put_text(run, writer, spec, value);
}

/* (key) behind the %; NULL: there is none. */
static const struct string *percent_key(struct run *run, const struct string *fmt, size_t *at,
                                        struct string *key)
{
    const char *end;

    if (*at >= fmt->n || fmt->text[*at] != '(')
        return NULL;
    end = memchr(fmt->text + *at, ')', fmt->n - *at);
    if (!end)
        run_fail(run, "incomplete format key");
    *key = (struct string){fmt->text + *at + 1, (size_t)(end - fmt->text) - *at - 1};
    *at = (size_t)(end - fmt->text) + 1;
    return key;
}

/* What stands behind a % of fmt at `at`. */
static void percent_one(struct run *run, struct text_writer *writer, struct value of,
                        size_t *at, struct value values, size_t *used)
{
    const struct string *fmt = of.as.string, *named;
    struct string key;
    struct format_spec spec;
    struct value value;

    named = percent_key(run, fmt, at, &key);
    spec = percent_spec(run, fmt, at);
    if (spec.kind == '%') {
        value_write(run->pool, writer, "%", 1);
        return;
    }
    if (spec.kind == 'c' || spec.kind == 'a')
        pool_fail(run->pool, ERR_RANGE, "%%%c is not done here", spec.kind);
    if (!spec.kind || !strchr("srdiuxXoeEfFgG", spec.kind))
        run_fail(run, "unsupported format character '%c'", spec.kind ? spec.kind : '?');
    value = next_value(run, values, used, named);
    if (strchr("sr", spec.kind))
        percent_text(run, writer, &spec, value, of.safe);
    else
        percent_number(run, writer, &spec, of.safe ? unwrapped(run, spec.kind, value) : value);
}

/* Whether Python would take values for a mapping, of which it wants no use: whatever has an
 * operator [], but for texts and tuples. An undefined one has. */
static bool mapping(struct value values)
{
    return values.kind == KIND_DICT || values.kind == KIND_LIST || values.kind == KIND_RANGE ||
           values.kind == KIND_UNDEFINED;
}

struct value format_percent(struct run *run, struct value fmt, struct value values)
{
    const struct string *s = fmt.as.string;
    struct text_writer writer = {.text = NULL};
    struct value out;
    size_t used = 0;

    for (size_t at = 0; at < s->n;) {
        if (s->text[at] == '%') {
            at++;
            percent_one(run, &writer, fmt, &at, values, &used);
        } else {
            value_write(run->pool, &writer, &s->text[at++], 1);
        }
    }
    if (values.kind == KIND_TUPLE || values.kind == KIND_GROUP ? used < values.as.list->n
                                                               : !used && !mapping(values))
        run_fail(run, "not all arguments converted during string formatting");
    out = value_written(run->pool, &writer);
    return markup_kept(out, fmt);
}
