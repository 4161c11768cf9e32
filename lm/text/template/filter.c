/* How it works: a table of names by file; those of single values are here.
 * Names that Jinja2 has and no template was seen to use are known, and refused when they run:
 * a template that never comes there works. */
#include "lm/text/template/letters.h"
#include "lm/text/template/literal.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED (void)run, (void)self, (void)arg, (void)all

/* number|abs: the smallest integer has no positive one in 64 bits, and is refused instead of
 * given back as it is. */
static struct value absolute(struct run *run, struct value self, const struct value *arg,
                             const struct args *all)
{
    int64_t number;

    UNUSED;
    if (self.kind == KIND_UNDEFINED)
        run_fail_undefined(run, self);
    if (!compare_number(self))
        run_fail(run, "bad operand type for abs(): '%s'", value_type(self));
    if (!compare_whole(self, &number))
        return value_float(fabs(self.as.real));
    if (number == INT64_MIN)
        pool_fail(run->pool, ERR_RANGE, "an integer of more than 64 bits");
    return value_int(number < 0 ? -number : number);
}

/* An attribute that is no key. */
static struct value attr(struct run *run, struct value self, const struct value *arg,
                         const struct args *all)
{
    const struct string *name = call_string(run, arg[0]);
    struct value out;

    UNUSED;
    if (self.kind == KIND_DICT && !method_find(run, self, name, &out))
        return value_undefined(run->pool, "'dict object' has no attribute '%.*s'",
                               (int)(name->n < 100 ? name->n : 100), name->text);
    return evaluate_attribute(run, self, name);
}

/* value|default(other, boolean): for what is undefined; with `boolean` for all that is not
 * true, none and the empty text among them. */
static struct value default_to(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    UNUSED;
    if (self.kind != KIND_UNDEFINED && !(call_flag(arg[1], false) && !compare_true(self)))
        return self;
    return arg[0].kind == KIND_MISSING ? value_word(run->pool, "") : arg[0];
}

/* What is no number becomes the default, also what is only nearly one. */
static struct value to_int(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    const struct value other = arg[0].kind == KIND_MISSING ? value_int(0) : arg[0];
    int64_t number;
    double real = NAN;

    UNUSED;
    if (compare_whole(self, &number))
        return value_int(number);
    if (self.kind == KIND_STRING) {
        if (literal_int(run->pool, self.as.string, (int)call_int(run, arg[1], 10), &number))
            return value_int(number);
        if (!literal_float(run->pool, self.as.string, &real))
            return other;
    } else if (self.kind == KIND_FLOAT) {
        real = self.as.real;
        if (isinf(real))
            run_fail(run, "cannot convert float infinity to integer");
    } else if (self.kind == KIND_UNDEFINED) {
        run_fail_undefined(run, self);
    }
    if (!isfinite(real))
        return other;
    if (fabs(real) >= 9.2e18)
        pool_fail(run->pool, ERR_RANGE, "an integer of more than 64 bits");
    return value_int((int64_t)real);
}

/* value|float(default): what float() takes, inf and nan included; everything else is the
 * default, 0.0 where none is given. */
static struct value to_float(struct run *run, struct value self, const struct value *arg,
                             const struct args *all)
{
    double real;

    UNUSED;
    if (compare_number(self))
        return value_float(compare_real(self));
    if (self.kind == KIND_STRING && literal_float(run->pool, self.as.string, &real))
        return value_float(real);
    if (self.kind == KIND_UNDEFINED)
        run_fail_undefined(run, self);
    return arg[0].kind == KIND_MISSING ? value_float(0) : arg[0];
}

static double power_of_ten(int64_t digits)
{
    char text[32];

    snprintf(text, sizeof text, "1e%d",
             digits > 400    ? 400
             : digits < -400 ? -400
                             : (int)digits);
    return strtod(text, NULL);
}

/* Python's round: to even in binary, decided on the decimal digits. */
static double rounded(double real, int64_t digits)
{
    char text[512];

    if (!isfinite(real) || digits > 300)
        return real;
    if (digits < -300)
        return copysign(0, real);
    if (digits < 0) {
        const double power = power_of_ten(-digits);

        return nearbyint(real / power) * power;
    }
    snprintf(text, sizeof text, "%.*f", (int)(digits > 100 ? 100 : digits), real);
    return strtod(text, NULL);
}

/* number|round(precision, method): common rounds to even as Python does, ceil and floor by
 * powers of ten as Jinja2 does. */
static struct value round_to(struct run *run, struct value self, const struct value *arg,
                             const struct args *all)
{
    const int64_t digits = call_int(run, arg[0], 0);
    const struct value how = arg[1];
    int64_t number;
    double power, real;

    UNUSED;
    if (self.kind == KIND_UNDEFINED)
        run_fail_undefined(run, self);
    if (!compare_number(self))
        run_fail(run, "type %s doesn't define __round__ method", value_type(self));
    if (how.kind == KIND_MISSING || value_is(how, "common")) {
        if (!compare_whole(self, &number))
            return value_float(rounded(self.as.real, digits));
        if (digits < 0)
            pool_fail(run->pool, ERR_RANGE, "rounding an integer to tens is not done here");
        return value_int(number);
    }
    if (!value_is(how, "ceil") && !value_is(how, "floor"))
        run_fail(run, "method must be common, ceil or floor");
    power = power_of_ten(digits);
    real = compare_real(self) * power;
    /* Plus 0: the whole number that Python has in between knows no -0. */
    return value_float(((value_is(how, "ceil") ? ceil(real) : floor(real)) + 0.0) / power);
}

/* transformers' own, not Jinja2's: nothing of HTML is escaped. */
static struct value tojson(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    struct print_json how = {.ascii = call_flag(arg[0], false),
                             .sorted = call_flag(arg[3], false),
                             .between = {", ", 2},
                             .behind_key = {": ", 2}};
    struct text_writer writer = {.text = NULL}, blanks = {.text = NULL};
    const struct list *pair;
    int64_t width;

    UNUSED;
    if (compare_whole(arg[1], &width)) {
        for (int64_t i = 0; i < width; i++)
            value_write(run->pool, &blanks, " ", 1);
        how.indent = value_written(run->pool, &blanks).as.string;
    } else if (arg[1].kind != KIND_MISSING && arg[1].kind != KIND_NONE) {
        how.indent = call_string(run, arg[1]);
    }
    if (how.indent)
        how.between.n = 1;
    if (arg[2].kind != KIND_MISSING && arg[2].kind != KIND_NONE) {
        pair = value_items(run->pool, arg[2]);
        if (!pair || pair->n != 2)
            run_fail(run, "separators are two texts");
        how.between = *call_string(run, pair->item[0]);
        how.behind_key = *call_string(run, pair->item[1]);
    }
    print_json(run, &writer, self, &how);
    return value_written(run->pool, &writer);
}

/* mapping|items: an iterator over pairs, which is used up once it was gone over; undefined
 * gives an empty one. */
static struct value dict_items(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    struct view view = {self.as.dict, 'i'};

    UNUSED;
    if (self.kind == KIND_UNDEFINED)
        return value_iterator(run->pool, value_list(run->pool, KIND_LIST, 0).as.list,
                              "generator");
    if (self.kind != KIND_DICT)
        run_fail(run, "can only get item pairs from a mapping");
    return value_iterator(
        run->pool, value_items(run->pool, (struct value){.kind = KIND_VIEW, .as.view = &view}),
        "generator");
}

/* value|length: characters, items or keys; what has no length in Python has none here,
 * iterators above all. */
static struct value length(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    UNUSED;
    if (self.kind == KIND_STRING) {
        pool_work(run->pool, self.as.string->n);
        return value_int((int64_t)letters_count(self.as.string->text, self.as.string->n));
    }
    if (value_sequence(self))
        return value_int((int64_t)self.as.list->n);
    if (self.kind == KIND_DICT)
        return value_int((int64_t)self.as.dict->n);
    if (self.kind == KIND_VIEW)
        return value_int((int64_t)self.as.view->dict->n);
    if (self.kind == KIND_UNDEFINED)
        return value_int(0);
    if (self.kind == KIND_LOOP)
        return value_int(each_length(run, self.as.loop));
    run_fail(run, "object of type '%s' has no len()", value_type(self));
}

static const struct builtin *row_of(const struct string *name)
{
    static const struct builtin row[] = {
        {"abs", "", 0, absolute},
        {"attr", "name", 1, attr},
        {"count", "", 0, length},
        {"d", "default_value,boolean", 0, default_to},
        {"default", "default_value,boolean", 0, default_to},
        {"float", "default", 0, to_float},
        {"int", "default,base", 0, to_int},
        {"items", "", 0, dict_items},
        {"length", "", 0, length},
        {"round", "precision,method", 0, round_to},
        {"tojson", "ensure_ascii,indent,separators,sort_keys", 0, tojson},
    };
    const struct builtin *found = call_find(row, sizeof row / sizeof *row, name);

    if (!found)
        found = filter_text_row(name);
    if (!found)
        found = filter_list_row(name);
    return found ? found : filter_sort_row(name);
}

/* What Jinja2 has and no chat template was seen to need: HTML, files' sizes, chance. They
 * are known, so that `is filter` says so. */
static bool refused(const struct string *name)
{
    static const char *const names[] = {"filesizeformat", "pprint",    "random",
                                        "striptags",      "urlize",    "wordwrap",
                                        "xmlattr",        "urlencode", "truncate"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (name->n == strlen(names[i]) && !memcmp(name->text, names[i], name->n))
            return true;
    return false;
}

bool filter_known(const struct string *name)
{
    return row_of(name) || refused(name);
}

struct value filter_call(struct run *run, const struct string *name, struct value input,
                         const struct args *args)
{
    const struct builtin *row = row_of(name);
    const int n = (int)(name->n < 40 ? name->n : 40);

    if (row)
        return call_builtin(run, row, input, args);
    if (refused(name))
        pool_fail(run->pool, ERR_RANGE, "the filter %.*s is not done here", n, name->text);
    run_fail(run, "no filter named '%.*s'", n, name->text);
}
