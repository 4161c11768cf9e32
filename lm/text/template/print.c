/* How it works: repr and json.dumps are two walks over the same values; both count their depth
 * as the run's, for a loop can nest lists without end. A float is the fewest digits that read
 * back, found by trying.
 * Iterators and functions have no text that could be repeated: they are refused with the likely
 * mend. */
#include "lm/text/template/letters.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"
#include "lm/text/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void word(struct run *run, struct text_writer *writer, const char *text)
{
    value_write(run->pool, writer, text, strlen(text));
}

static void whole(struct run *run, struct text_writer *writer, int64_t number)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%" PRId64, number);
    word(run, writer, digits);
}

void print_float(struct pool *pool, struct text_writer *writer, double real)
{
    char digits[40], out[64], *exponent;
    int precision = 1, e, mantissa;

    if (!isfinite(real)) {
        snprintf(out, sizeof out, "%s", isnan(real) ? "nan" : real < 0 ? "-inf" : "inf");
        value_write(pool, writer, out, strlen(out));
        return;
    }
    /* Seventeen digits tell any two doubles apart, so this ends with the right number. */
    do
        snprintf(digits, sizeof digits, "%.*e", precision - 1, real);
    while (precision++ < 17 && strtod(digits, NULL) != real);
    exponent = strchr(digits, 'e');
    e = (int)strtol(exponent + 1, NULL, 10);
    /* The digits before 'e' without the sign, the point counted as one of them. */
    mantissa = (int)(exponent - digits) - (digits[0] == '-');
    if (e >= -4 && e < 16) {
        const int decimals = (mantissa > 1 ? mantissa - 2 : 0) - e;

        snprintf(out, sizeof out, "%.*f", decimals > 0 ? decimals : 1, real);
    } else {
        snprintf(out, sizeof out, "%.*se%c%02d", (int)(exponent - digits), digits,
                 e < 0 ? '-' : '+', abs(e));
    }
    value_write(pool, writer, out, strlen(out));
}

/* \n, \xhh, \uhhhh or \Uhhhhhhhh */
static void escaped(struct run *run, struct text_writer *writer, uint32_t cp)
{
    char out[16];

    if (cp == '\n' || cp == '\r' || cp == '\t')
        snprintf(out, sizeof out, "\\%c", cp == '\n' ? 'n' : cp == '\r' ? 'r' : 't');
    else
        snprintf(out, sizeof out,
                 cp < 0x100     ? "\\x%02x"
                 : cp < 0x10000 ? "\\u%04x"
                                : "\\U%08x",
                 cp);
    word(run, writer, out);
}

/* In ' unless there is one inside, and no ". */
static void quoted(struct run *run, struct text_writer *writer, const struct string *s)
{
    const char quote =
        s->n && memchr(s->text, '\'', s->n) && !memchr(s->text, '"', s->n) ? '"' : '\'';
    size_t bytes;
    uint32_t cp;

    value_write(run->pool, writer, &quote, 1);
    for (size_t at = 0; at < s->n; at += bytes) {
        (void)utf8_next(s->text + at, s->n - at, &cp, &bytes);
        if (cp == '\\' || cp == (uint32_t)quote)
            word(run, writer, "\\");
        if (letters_printable(cp))
            value_write(run->pool, writer, s->text + at, bytes);
        else
            escaped(run, writer, cp);
    }
    value_write(run->pool, writer, &quote, 1);
}

/* A text; a safe one says so. */
static void marked(struct run *run, struct text_writer *writer, struct value text)
{
    word(run, writer, text.safe ? "Markup(" : "");
    quoted(run, writer, text.as.string);
    word(run, writer, text.safe ? ")" : "");
}

/* With commas, and one behind a single item of a tuple. */
static void items(struct run *run, struct text_writer *writer, const struct list *list,
                  const char *open, const char *close)
{
    word(run, writer, open);
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            word(run, writer, ", ");
        print_repr(run, writer, list->item[i]);
    }
    if (list->n == 1 && *open == '(' && !open[1])
        word(run, writer, ",");
    word(run, writer, close);
}

/* A dictionary as Python writes it: whoever prints a message has looked at all of it. */
static void pairs(struct run *run, struct text_writer *writer, const struct dict *dict)
{
    value_seen(dict);
    word(run, writer, "{");
    for (size_t i = 0; i < dict->n; i++) {
        if (i)
            word(run, writer, ", ");
        print_repr(run, writer, dict->key[i]);
        word(run, writer, ": ");
        print_repr(run, writer, dict->item[i]);
    }
    word(run, writer, "}");
}

/* As it was made, without its step where that is 1: Python keeps the bounds, not the items. */
static void range(struct run *run, struct text_writer *writer, const struct list *list)
{
    word(run, writer, "range(");
    whole(run, writer, list->start);
    word(run, writer, ", ");
    whole(run, writer, list->stop);
    if (list->step != 1) {
        word(run, writer, ", ");
        whole(run, writer, list->step);
    }
    word(run, writer, ")");
}

/* What only Jinja2 has. Python writes an address for the others, which nobody can repeat. */
static void strange(struct run *run, struct text_writer *writer, struct value value)
{
    if (value.kind == KIND_NAMESPACE) {
        word(run, writer, "<Namespace ");
        pairs(run, writer, value.as.dict);
        word(run, writer, ">");
    } else if (value.kind == KIND_LOOP) {
        word(run, writer, "<LoopContext ");
        whole(run, writer, value.as.loop->index0 + 1);
        word(run, writer, "/");
        whole(run, writer, each_length(run, value.as.loop));
        word(run, writer, ">");
    } else if (value.kind == KIND_CALLABLE && value.as.callable->macro) {
        const struct string name = value.as.callable->macro->name;

        word(run, writer, "<Macro ");
        if (name.n)
            quoted(run, writer, &name);
        else
            word(run, writer, "anonymous");
        word(run, writer, ">");
    } else {
        pool_fail(run->pool, ERR_RANGE, "a %s is written as text: did you mean |list?",
                  value_type(value));
    }
}

static const char *view_name(const struct view *view)
{
    return view->what == 'k'   ? "dict_keys(["
           : view->what == 'v' ? "dict_values(["
                               : "dict_items([";
}

void print_repr(struct run *run, struct text_writer *writer, struct value value)
{
    run_deeper(run);
    if (value.kind == KIND_GROUP)
        value.kind = KIND_TUPLE;
    switch (value.kind) {
    case KIND_UNDEFINED:
        word(run, writer, "Undefined");
        break;
    case KIND_NONE:
        word(run, writer, "None");
        break;
    case KIND_BOOL:
        word(run, writer, value.as.flag ? "True" : "False");
        break;
    case KIND_INT:
        whole(run, writer, value.as.number);
        break;
    case KIND_FLOAT:
        print_float(run->pool, writer, value.as.real);
        break;
    case KIND_STRING:
        marked(run, writer, value);
        break;
    case KIND_LIST:
        items(run, writer, value.as.list, "[", "]");
        break;
    case KIND_TUPLE:
        items(run, writer, value.as.list, "(", ")");
        break;
    case KIND_RANGE:
        range(run, writer, value.as.list);
        break;
    case KIND_DICT:
        pairs(run, writer, value.as.dict);
        break;
    case KIND_VIEW:
        items(run, writer, value_items(run->pool, value), view_name(value.as.view), "])");
        break;
    default:
        strange(run, writer, value);
    }
    run->depth--;
}

void print_str(struct run *run, struct text_writer *writer, struct value value)
{
    if (value.kind == KIND_STRING)
        value_write(run->pool, writer, value.as.string->text, value.as.string->n);
    else if (value.kind != KIND_UNDEFINED && value.kind != KIND_MISSING)
        print_repr(run, writer, value);
}

struct value print_string(struct run *run, struct value value)
{
    struct text_writer writer = {.text = NULL};

    if (value.kind == KIND_STRING)
        return value;
    print_str(run, &writer, value);
    return value_written(run->pool, &writer);
}

static void json_character(struct run *run, struct text_writer *writer, uint32_t cp)
{
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    const char *brief = cp && cp < 0x80 ? strchr(from, (int)cp) : NULL;
    char out[16];

    if (brief)
        snprintf(out, sizeof out, "\\%c", to[brief - from]);
    else if (cp < 0x10000)
        snprintf(out, sizeof out, "\\u%04x", cp);
    else
        snprintf(out, sizeof out, "\\u%04x\\u%04x", 0xd7c0 + (cp >> 10), 0xdc00 + (cp & 0x3ff));
    word(run, writer, out);
}

/* Quotes, backslashes and controls are escaped; beyond ASCII only when asked, by pairs of
 * surrogates where Python does. */
static void json_text(struct run *run, struct text_writer *writer, const struct string *s,
                      bool ascii)
{
    size_t bytes;
    uint32_t cp;

    word(run, writer, "\"");
    for (size_t at = 0; at < s->n; at += bytes) {
        (void)utf8_next(s->text + at, s->n - at, &cp, &bytes);
        if (cp == '"' || cp == '\\' || cp < 0x20 || (ascii && cp > 0x7e))
            json_character(run, writer, cp);
        else
            value_write(run->pool, writer, s->text + at, bytes);
    }
    word(run, writer, "\"");
}

/* No JSON, but what Python writes. */
static void json_float(struct run *run, struct text_writer *writer, double real)
{
    if (isfinite(real))
        print_float(run->pool, writer, real);
    else
        word(run, writer, isnan(real) ? "NaN" : real < 0 ? "-Infinity" : "Infinity");
}

/* Nothing where all is on one line. */
static void json_line(struct run *run, struct text_writer *writer, const struct print_json *how,
                      int depth)
{
    if (!how->indent)
        return;
    word(run, writer, "\n");
    for (int i = 0; i < depth; i++)
        value_write(run->pool, writer, how->indent->text, how->indent->n);
}

static void json(struct run *run, struct text_writer *writer, struct value value,
                 const struct print_json *how, int depth);

/* Keys become text; what has none in Python has none here. */
static void json_key(struct run *run, struct text_writer *writer, struct value key,
                     const struct print_json *how)
{
    if (key.kind != KIND_STRING && key.kind != KIND_NONE && !compare_number(key))
        run_fail(run, "keys must be str, int, float, bool or None, not %s", value_type(key));
    if (key.kind == KIND_STRING) {
        json_text(run, writer, key.as.string, how->ascii);
    } else {
        word(run, writer, "\"");
        json(run, writer, key, how, 0);
        word(run, writer, "\"");
    }
    value_write(run->pool, writer, how->behind_key.text, how->behind_key.n);
}

/* The order of the keys: as they came, or sorted (by insertion, a few). */
static size_t *order(struct run *run, const struct dict *dict, bool sorted)
{
    size_t *at = pool_take(run->pool, (dict->n + 1) * sizeof *at);

    for (size_t i = 0; i < dict->n; i++) {
        size_t k = i;

        for (; sorted && k &&
               compare_order(run->pool, dict->key[i], dict->key[at[k - 1]], "<") < 0;
             k--)
            at[k] = at[k - 1];
        at[k] = i;
    }
    return at;
}

static void json_dict(struct run *run, struct text_writer *writer, const struct dict *dict,
                      const struct print_json *how, int depth)
{
    const size_t *at = order(run, dict, how->sorted);

    value_seen(dict);
    word(run, writer, "{");
    for (size_t i = 0; i < dict->n; i++) {
        if (i)
            value_write(run->pool, writer, how->between.text, how->between.n);
        json_line(run, writer, how, depth + 1);
        json_key(run, writer, dict->key[at[i]], how);
        json(run, writer, dict->item[at[i]], how, depth + 1);
    }
    if (dict->n)
        json_line(run, writer, how, depth);
    word(run, writer, "}");
}

static void json_list(struct run *run, struct text_writer *writer, const struct list *list,
                      const struct print_json *how, int depth)
{
    word(run, writer, "[");
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            value_write(run->pool, writer, how->between.text, how->between.n);
        json_line(run, writer, how, depth + 1);
        json(run, writer, list->item[i], how, depth + 1);
    }
    if (list->n)
        json_line(run, writer, how, depth);
    word(run, writer, "]");
}

static void json(struct run *run, struct text_writer *writer, struct value value,
                 const struct print_json *how, int depth)
{
    run_deeper(run);
    if (value.kind == KIND_DICT)
        json_dict(run, writer, value.as.dict, how, depth);
    else if (value.kind == KIND_LIST || value.kind == KIND_TUPLE || value.kind == KIND_GROUP)
        json_list(run, writer, value.as.list, how, depth);
    else if (value.kind == KIND_STRING)
        json_text(run, writer, value.as.string, how->ascii);
    else if (value.kind == KIND_INT)
        whole(run, writer, value.as.number);
    else if (value.kind == KIND_FLOAT)
        json_float(run, writer, value.as.real);
    else if (value.kind == KIND_BOOL)
        word(run, writer, value.as.flag ? "true" : "false");
    else if (value.kind == KIND_NONE)
        word(run, writer, "null");
    else
        run_fail(run, "Object of type %s is not JSON serializable", value_type(value));
    run->depth--;
}

void print_json(struct run *run, struct text_writer *writer, struct value value,
                const struct print_json *how)
{
    json(run, writer, value, how, 0);
}
