/* How it works: a table; the tests that compare are the operators themselves.
 * same() is identity for what has one, the containers; Python shares small integers, and
 * whether it shares other equal numbers and texts is a matter of its memory. */
#include "lm/text/template/letters.h"
#include "lm/text/template/limits.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

#include <math.h>
#include <string.h>

enum about {
    ABOUT_ODD,
    ABOUT_EVEN,
    ABOUT_DIVISIBLE,
    ABOUT_DEFINED,
    ABOUT_UNDEFINED,
    ABOUT_FILTER,
    ABOUT_TEST,
    ABOUT_NONE,
    ABOUT_BOOLEAN,
    ABOUT_FALSE,
    ABOUT_TRUE,
    ABOUT_INTEGER,
    ABOUT_FLOAT,
    ABOUT_LOWER,
    ABOUT_UPPER,
    ABOUT_STRING,
    ABOUT_MAPPING,
    ABOUT_NUMBER,
    ABOUT_SEQUENCE,
    ABOUT_ITERABLE,
    ABOUT_CALLABLE,
    ABOUT_SAME,
    ABOUT_ESCAPED,
    ABOUT_IN,
    ABOUT_EQUAL,
    ABOUT_OTHER,
    ABOUT_MORE,
    ABOUT_MORE_SAME,
    ABOUT_LESS,
    ABOUT_LESS_SAME
};

static const struct test_row {
    const char *name;
    enum about about;
    int args;
} rows[] = {
    {"odd", ABOUT_ODD, 0},
    {"even", ABOUT_EVEN, 0},
    {"divisibleby", ABOUT_DIVISIBLE, 1},
    {"defined", ABOUT_DEFINED, 0},
    {"undefined", ABOUT_UNDEFINED, 0},
    {"filter", ABOUT_FILTER, 0},
    {"test", ABOUT_TEST, 0},
    {"none", ABOUT_NONE, 0},
    {"boolean", ABOUT_BOOLEAN, 0},
    {"false", ABOUT_FALSE, 0},
    {"true", ABOUT_TRUE, 0},
    {"integer", ABOUT_INTEGER, 0},
    {"float", ABOUT_FLOAT, 0},
    {"lower", ABOUT_LOWER, 0},
    {"upper", ABOUT_UPPER, 0},
    {"string", ABOUT_STRING, 0},
    {"mapping", ABOUT_MAPPING, 0},
    {"number", ABOUT_NUMBER, 0},
    {"sequence", ABOUT_SEQUENCE, 0},
    {"iterable", ABOUT_ITERABLE, 0},
    {"callable", ABOUT_CALLABLE, 0},
    {"sameas", ABOUT_SAME, 1},
    {"escaped", ABOUT_ESCAPED, 0},
    {"in", ABOUT_IN, 1},
    {"==", ABOUT_EQUAL, 1},
    {"eq", ABOUT_EQUAL, 1},
    {"equalto", ABOUT_EQUAL, 1},
    {"!=", ABOUT_OTHER, 1},
    {"ne", ABOUT_OTHER, 1},
    {">", ABOUT_MORE, 1},
    {"gt", ABOUT_MORE, 1},
    {"greaterthan", ABOUT_MORE, 1},
    {">=", ABOUT_MORE_SAME, 1},
    {"ge", ABOUT_MORE_SAME, 1},
    {"<", ABOUT_LESS, 1},
    {"lt", ABOUT_LESS, 1},
    {"lessthan", ABOUT_LESS, 1},
    {"<=", ABOUT_LESS_SAME, 1},
    {"le", ABOUT_LESS_SAME, 1},
};

static const struct test_row *row_of(const struct string *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (name->n == strlen(rows[i].name) && !memcmp(name->text, rows[i].name, name->n))
            return &rows[i];
    return NULL;
}

bool test_known(const struct string *name)
{
    return row_of(name) != NULL;
}

/* value % number == what, where % may also be a text's */
static bool remainder_is(struct run *run, struct value value, struct value by, int64_t what)
{
    return compare_equal(run->pool, arithmetic(run, '%', value, by), value_int(what));
}

/* The very same object. Different values never are; of equal ones Python keeps one alone where
 * they are none, true or a small integer. Beyond these, what came from one place is the same. */
static bool same(struct run *run, struct value a, struct value b)
{
    const bool nan = a.kind == KIND_FLOAT && isnan(a.as.real) && isnan(compare_real(b));

    if (a.kind != b.kind || a.kind == KIND_UNDEFINED)
        return false;
    if (a.kind >= KIND_STRING && a.as.list == b.as.list)
        return true;
    if (a.kind > KIND_STRING || (!nan && !compare_equal(run->pool, a, b)))
        return false;
    if (a.kind <= KIND_BOOL || (a.kind == KIND_INT && a.as.number >= -5 && a.as.number <= 256))
        return true;
    /* Two floats that were computed are two objects, a constant that is written twice is one. */
    pool_fail(run->pool, ERR_RANGE, "sameas of two equal values ('%s') is not done here",
              value_type(a));
}

static bool cased(struct run *run, struct value value, char how)
{
    const struct value text = print_string(run, value);

    pool_work(run->pool, JINJA_WORK_VALUE * text.as.string->n);
    return letters_all(text.as.string, how);
}

/* By kind alone. */
static bool is_kind(enum about about, struct value value)
{
    const enum value_kind kind = value.kind;

    switch (about) {
    case ABOUT_DEFINED:
        return kind != KIND_UNDEFINED;
    case ABOUT_UNDEFINED:
        return kind == KIND_UNDEFINED;
    case ABOUT_NONE:
        return kind == KIND_NONE;
    case ABOUT_BOOLEAN:
        return kind == KIND_BOOL;
    case ABOUT_FALSE:
        return kind == KIND_BOOL && !value.as.flag;
    case ABOUT_TRUE:
        return kind == KIND_BOOL && value.as.flag;
    case ABOUT_INTEGER:
        return kind == KIND_INT;
    case ABOUT_FLOAT:
        return kind == KIND_FLOAT;
    case ABOUT_STRING:
        return kind == KIND_STRING;
    case ABOUT_MAPPING:
        return kind == KIND_DICT;
    default:
        return compare_number(value);
    }
}

static bool is_shape(enum about about, struct value value)
{
    const enum value_kind kind = value.kind;
    /* It has a length and items; an undefined one, too. */
    const bool sequence = kind == KIND_STRING || kind == KIND_DICT || kind == KIND_UNDEFINED ||
                          value_sequence(value);

    if (about == ABOUT_SEQUENCE)
        return sequence;
    if (about == ABOUT_ITERABLE)
        return sequence || kind == KIND_ITERATOR || kind == KIND_VIEW || kind == KIND_LOOP;
    if (about == ABOUT_CALLABLE) /* Undefined has a __call__, which raises */
        return kind == KIND_CALLABLE || kind == KIND_LOOP || kind == KIND_UNDEFINED;
    return kind == KIND_STRING && value.safe;
}

static bool compared(struct run *run, enum about about, struct value a, struct value b)
{
    int order;

    if (about == ABOUT_SAME)
        return same(run, a, b);
    if (about == ABOUT_IN)
        return compare_in(run->pool, a, b);
    if (about == ABOUT_EQUAL || about == ABOUT_OTHER)
        return compare_equal(run->pool, a, b) == (about == ABOUT_EQUAL);
    order = compare_order(run->pool, a, b,
                          about == ABOUT_LESS        ? "<"
                          : about == ABOUT_LESS_SAME ? "<="
                          : about == ABOUT_MORE      ? ">"
                                                     : ">=");
    if (order == 2)
        return false;
    return about == ABOUT_LESS        ? order < 0
           : about == ABOUT_LESS_SAME ? order <= 0
           : about == ABOUT_MORE      ? order > 0
                                      : order >= 0;
}

/* Whether there is a filter or test of this name. */
static bool named(struct run *run, enum about about, struct value value)
{
    (void)compare_hash(run->pool, value); /* a name is looked for as a key is */
    if (value.kind != KIND_STRING)
        return false;
    return about == ABOUT_FILTER ? filter_known(value.as.string) : test_known(value.as.string);
}

bool test_call(struct run *run, const struct string *name, struct value input,
               const struct args *args)
{
    const struct test_row *row = row_of(name);
    const struct value two = value_int(2);

    if (!row)
        run_fail(run, "no test named '%.*s'", (int)(name->n < 40 ? name->n : 40), name->text);
    if (args->n != (size_t)row->args || args->named)
        run_fail(run, "the test %s takes %d argument(s)", row->name, row->args);
    switch (row->about) {
    case ABOUT_ODD:
        return remainder_is(run, input, two, 1);
    case ABOUT_EVEN:
        return remainder_is(run, input, two, 0);
    case ABOUT_DIVISIBLE:
        return remainder_is(run, input, args->item[0], 0);
    case ABOUT_FILTER:
    case ABOUT_TEST:
        return named(run, row->about, input);
    case ABOUT_LOWER:
        return cased(run, input, 'l');
    case ABOUT_UPPER:
        return cased(run, input, 'u');
    default:
        break;
    }
    if (row->args)
        return compared(run, row->about, input, args->item[0]);
    return row->about >= ABOUT_SEQUENCE ? is_shape(row->about, input)
                                        : is_kind(row->about, input);
}
