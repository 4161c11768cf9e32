/* How it works: text.format(…). A field is a name or a number with attributes and items behind
 * it, a conversion and a specifier; the specifier becomes the `spec` that % ends in, too
 * (format.c). Names are looked up as the sandbox looks them up. */
#include "lm/text/template/format.h"
#include "lm/text/template/letters.h"
#include "lm/text/template/literal.h"
#include "lm/text/template/parts.h"

#include <inttypes.h>
#include <string.h>

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
    spec.width = format_digits(run, s, &at, FORMAT_WIDTH_MAX);
    spec.comma = one_of(s, &at, ",") != 0;
    if (one_of(s, &at, ".")) {
        spec.precision = format_digits(run, s, &at, FORMAT_PRECISION_MAX);
        if (spec.precision < 0)
            run_fail(run, "format specifier missing precision");
    }
    if (at < s->n)
        spec.kind = s->text[at++];
    if (at < s->n)
        run_fail(run, "invalid format specifier");
    return spec;
}

static bool one_of_kinds(char kind, const char *kinds)
{
    return kind && strchr(kinds, kind);
}

static void brace_number(struct run *run, struct text_writer *writer,
                         const struct format_spec *spec, struct value value,
                         const struct string *text)
{
    int64_t number;

    if (compare_whole(value, &number) && (!spec->kind || one_of_kinds(spec->kind, "dxXob"))) {
        if (spec->precision >= 0)
            run_fail(run, "precision not allowed in integer format specifier");
        format_put_whole(run, writer, spec, number);
    } else if (one_of_kinds(spec->kind, "eEfFgG%")) {
        format_put_real(run, writer, spec, compare_real(value));
    } else if (!spec->kind && spec->precision < 0) {
        format_put_plain(run, writer, spec, compare_real(value));
    } else if (spec->kind && !strchr("cn", spec->kind)) {
        run_fail(run, "unknown format code '%c' for object of type '%s'", spec->kind,
                 value_type(value));
    } else {
        pool_fail(run->pool, ERR_RANGE, "the format specifier '%.*s' is not done here",
                  (int)(text->n < 40 ? text->n : 40), text->text);
    }
}

/* By the value's kind: each has its own letters. */
static void brace_value(struct run *run, struct text_writer *writer, struct value value,
                        const struct string *text)
{
    struct format_spec spec;

    if (!text->n) {
        print_str(run, writer, value);
        return;
    }
    spec = brace_spec(run, text);
    if (value.kind == KIND_STRING && (!spec.kind || spec.kind == 's'))
        format_put_text(run, writer, &spec, value);
    else if (compare_number(value))
        brace_number(run, writer, &spec, value, text);
    else
        run_fail(run, "unsupported format string passed to %s.__format__", value_type(value));
}

/* In a safe text: escaped, unless it is safe, too, which has no specifiers. */
static void brace_safe(struct run *run, struct text_writer *writer, struct value value,
                       const struct string *text)
{
    struct text_writer plain = {.text = NULL};
    const bool safe = value.kind == KIND_STRING && value.safe;

    if (safe && text->n)
        run_fail(run, "unsupported format specification for Markup");
    brace_value(run, safe ? writer : &plain, value, text);
    if (!safe)
        print_str(run, writer, markup_escape(run, value_written(run->pool, &plain)));
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
static size_t brace(struct run *run, struct text_writer *writer, struct value of, size_t at,
                    const struct args *args, size_t *next)
{
    const struct string *fmt = of.as.string;
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
        value.safe = false;
    }
    if (of.safe)
        brace_safe(run, writer, value, &spec);
    else
        brace_value(run, writer, value, &spec);
    return (size_t)(end - fmt->text) + 1;
}

struct value format_braces(struct run *run, struct value fmt, const struct args *args)
{
    const struct string *s = fmt.as.string;
    struct text_writer writer = {.text = NULL};
    size_t next = 0;

    for (size_t at = 0; at < s->n;) {
        const char c = s->text[at];
        const bool twice = at + 1 < s->n && s->text[at + 1] == c;

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
    return markup_kept(value_written(run->pool, &writer), fmt);
}
