/* How it works: whole numbers with a check for 64 bits, others as doubles, with Python's signs
 * for // and %. Text and lists add and multiply, too, and text % values is formatting.
 * A power that is no whole number would be libm's, whose last bit depends on the processor, and
 * a conversation's tokens must not: a root is exact, others are refused by name. */
#include "lm/text/template/letters.h"
#include "lm/text/template/limits.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

#include <math.h>
#include <string.h>

static _Noreturn void too_large(struct run *run)
{
    pool_fail(run->pool, ERR_RANGE, "an integer of more than 64 bits");
}

static _Noreturn void by_zero(struct run *run)
{
    run_fail(run, "division by zero");
}

static struct value power_real(struct run *run, double a, double b);

static struct value power_whole(struct run *run, int64_t a, int64_t b)
{
    int64_t result = 1;

    if (b < 0)
        return power_real(run, (double)a, (double)b);
    /* Only 0, 1 and -1 may be raised to more than 63. */
    if (b > 64 && a != 0 && a != 1 && a != -1)
        too_large(run);
    b = b > 64 ? 64 + b % 2 : b;
    while (b--)
        if (__builtin_mul_overflow(result, a, &result))
            too_large(run);
    return value_int(result);
}

static struct value whole(struct run *run, int op, int64_t a, int64_t b)
{
    int64_t result = 0;
    bool over = false;

    switch (op) {
    case '+':
        over = __builtin_add_overflow(a, b, &result);
        break;
    case '-':
        over = __builtin_sub_overflow(a, b, &result);
        break;
    case '*':
        over = __builtin_mul_overflow(a, b, &result);
        break;
    case '/':
        if (!b)
            by_zero(run);
        return value_float((double)((long double)a / (long double)b));
    case OP_POWER:
        return power_whole(run, a, b);
    default:
        if (!b)
            by_zero(run);
        if (b == -1) { /* INT64_MIN / -1 does not fit */
            over = op == OP_FLOOR && __builtin_sub_overflow(0, a, &result);
            break;
        }
        result = op == OP_FLOOR ? a / b - (a % b && (a < 0) != (b < 0))
                                : a % b + (a % b && (a < 0) != (b < 0) ? b : 0);
    }
    if (over)
        too_large(run);
    return value_int(result);
}

/* Of the sign of b, also where it is 0. */
static double modulo(double a, double b)
{
    const double rest = fmod(a, b);

    if (!rest)
        return copysign(0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

/* Python's way, which keeps a == b * (a // b) + a % b as nearly as it can be. */
static double floored(double a, double b)
{
    const double rest = fmod(a, b);
    double quotient = (a - rest) / b;

    if (rest && (rest < 0) != (b < 0))
        quotient -= 1;
    if (!quotient)
        return copysign(0, a / b);
    return quotient - floor(quotient) > 0.5 ? floor(quotient) + 1 : floor(quotient);
}

/* Whole exponents by squaring, halves by roots: what templates do, with the same bits on every
 * processor. */
static struct value power_real(struct run *run, double a, double b)
{
    const bool half = b == 0.5;
    long double result = 1, square = a;

    if (!a && b < 0)
        run_fail(run, "0.0 cannot be raised to a negative power");
    if (half && a >= 0)
        return value_float(sqrt(a));
    if (b != floor(b) || fabs(b) > 1e6)
        pool_fail(run->pool, ERR_RANGE, "a power that is no whole number is not done here");
    for (uint64_t n = (uint64_t)fabs(b); n; n /= 2) {
        result *= n % 2 ? square : 1;
        square *= square;
    }
    result = b < 0 ? 1 / result : result;
    if (isinf((double)result) && !isinf(a))
        run_fail(run, "numerical result out of range");
    return value_float((double)result);
}

static struct value real(struct run *run, int op, double a, double b)
{
    if ((op == '/' || op == OP_FLOOR || op == '%') && !b)
        run_fail(run, "float division by zero");
    switch (op) {
    case '+':
        return value_float(a + b);
    case '-':
        return value_float(a - b);
    case '*':
        return value_float(a * b);
    case '/':
        return value_float(a / b);
    case OP_FLOOR:
        return value_float(floored(a, b));
    case '%':
        return value_float(modulo(a, b));
    default:
        return power_real(run, a, b);
    }
}

/* A size is checked before it is made: a template can ask for any number of copies. */
static struct value repeated(struct run *run, struct value of, int64_t times)
{
    struct text_writer writer = {.text = NULL};
    struct value list;
    size_t n;

    if (of.kind == KIND_STRING) {
        n = of.as.string->n;
        if (times > 0 && n && (uint64_t)times > JINJA_OUTPUT_MAX / n)
            pool_fail(run->pool, ERR_RANGE, "a text of more than %d MiB",
                      JINJA_OUTPUT_MAX >> 20);
        for (int64_t i = 0; i < times && n; i++)
            value_write(run->pool, &writer, of.as.string->text, n);
        return value_written(run->pool, &writer);
    }
    n = of.as.list->n;
    if (times > 0 && n && (uint64_t)times > JINJA_MEMORY_MAX / sizeof list / n)
        pool_fail(run->pool, ERR_RANGE, "a list of more than %zu items",
                  JINJA_MEMORY_MAX / sizeof list);
    list = value_list(run->pool, of.kind == KIND_LIST ? KIND_LIST : KIND_TUPLE, 0);
    for (int64_t i = 0; i < times && n; i++)
        for (size_t k = 0; k < n; k++)
            value_append(run->pool, list.as.list, of.as.list->item[k]);
    return list;
}

static struct value joined(struct run *run, struct value a, struct value b)
{
    struct text_writer writer = {.text = NULL};
    struct value list;

    if (a.kind == KIND_STRING) {
        writer.text = pool_take(run->pool, a.as.string->n + b.as.string->n + 1);
        writer.room = a.as.string->n + b.as.string->n;
        value_write(run->pool, &writer, a.as.string->text, a.as.string->n);
        value_write(run->pool, &writer, b.as.string->text, b.as.string->n);
        return value_written(run->pool, &writer);
    }
    list = value_list(run->pool, a.kind == KIND_LIST ? KIND_LIST : KIND_TUPLE,
                      a.as.list->n + b.as.list->n);
    for (size_t i = 0; i < a.as.list->n; i++)
        value_append(run->pool, list.as.list, a.as.list->item[i]);
    for (size_t i = 0; i < b.as.list->n; i++)
        value_append(run->pool, list.as.list, b.as.list->item[i]);
    return list;
}

static bool tuple(struct value value)
{
    return value.kind == KIND_TUPLE || value.kind == KIND_GROUP;
}

static bool repeatable(struct value value)
{
    return value.kind == KIND_STRING || value.kind == KIND_LIST || tuple(value);
}

/* A safe text escapes the other one, and stays safe. */
static struct value joined_any(struct run *run, struct value a, struct value b)
{
    const bool safe = a.kind == KIND_STRING && (a.safe || b.safe);

    if (!safe)
        return joined(run, a, b);
    a = markup_escape(run, a);
    return markup_kept(joined(run, a, markup_escape(run, b)), a);
}

/* Two of a kind that can be put together. */
static bool joinable(struct value a, struct value b)
{
    return (a.kind == KIND_STRING && b.kind == KIND_STRING) ||
           (a.kind == KIND_LIST && b.kind == KIND_LIST) || (tuple(a) && tuple(b));
}

/* One can be repeated, and the other says how often. */
static bool times(struct value a, struct value b, int64_t *n)
{
    return (repeatable(a) && compare_whole(b, n)) || (repeatable(b) && compare_whole(a, n));
}

/* Each has to have a hash, as the items of a set do. */
static void hashed(struct run *run, struct value value)
{
    const struct list *list = value_items(run->pool, value);

    if (!list)
        run_fail(run, "'%s' object is not iterable", value_type(value));
    for (size_t i = 0; i < list->n; i++)
        (void)compare_hash(run->pool, list->item[i]);
}

/* keys - others: Python makes a set of it, and prints that in an order of chance. */
static _Noreturn void less(struct run *run, struct value a, struct value b)
{
    if (a.kind == KIND_UNDEFINED)
        run_fail_undefined(run, a);
    hashed(run, a);
    hashed(run, b);
    pool_fail(run->pool, ERR_RANGE, "a set ('%s' less '%s') is not done here", value_type(a),
              value_type(b));
}

static _Noreturn void unsupported(struct run *run, int op, struct value a, struct value b)
{
    static const char *const sign[] = {"//", "** or pow()"};

    if (op == '-' && (compare_set(a) || compare_set(b)))
        less(run, a, b);
    if (a.kind == KIND_UNDEFINED || b.kind == KIND_UNDEFINED)
        run_fail_undefined(run, a.kind == KIND_UNDEFINED ? a : b);
    if (op == '+' && a.kind == KIND_STRING)
        run_fail(run, "can only concatenate str (not \"%s\") to str", value_type(b));
    if (op >= OP_FLOOR)
        run_fail(run, "unsupported operand type(s) for %s: '%s' and '%s'", sign[op - OP_FLOOR],
                 value_type(a), value_type(b));
    run_fail(run, "unsupported operand type(s) for %c: '%s' and '%s'", op, value_type(a),
             value_type(b));
}

struct value arithmetic(struct run *run, int op, struct value a, struct value b)
{
    int64_t i, j;

    if (compare_whole(a, &i) && compare_whole(b, &j))
        return whole(run, op, i, j);
    if (compare_number(a) && compare_number(b))
        return real(run, op, compare_real(a), compare_real(b));
    if (op == '%' && a.kind == KIND_STRING)
        return format_percent(run, a, b);
    if (op == '+' && joinable(a, b))
        return joined_any(run, a, b);
    if (op == '*' && times(a, b, &i))
        return markup_kept(repeated(run, repeatable(a) ? a : b, i), repeatable(a) ? a : b);
    unsupported(run, op, a, b);
}

struct value arithmetic_sign(struct run *run, bool minus, struct value a)
{
    int64_t number;

    if (a.kind == KIND_UNDEFINED)
        run_fail_undefined(run, a);
    if (!compare_number(a))
        run_fail(run, "bad operand type for unary %c: '%s'", minus ? '-' : '+', value_type(a));
    if (!compare_whole(a, &number))
        return value_float(minus ? -a.as.real : a.as.real);
    return minus ? whole(run, '-', 0, number) : value_int(number);
}

/* Python's slice.indices for one bound: into 0 .. n, or -1 .. n - 1 backwards. */
static int64_t bound(struct run *run, struct value value, int64_t n, bool back, int64_t other)
{
    int64_t at;

    if (value.kind == KIND_NONE)
        return other;
    if (!compare_whole(value, &at))
        run_fail(run, "slice indices must be integers or None or have an __index__ method");
    if (at < 0)
        at = at < -n ? (back ? -1 : 0) : at + n;
    else if (at >= n)
        at = back ? n - 1 : n;
    return at;
}

static struct value characters(struct run *run, const struct string *s, int64_t start,
                               int64_t stop, int64_t step)
{
    struct text_writer writer = {.text = NULL};
    struct list *all;
    size_t from, to;

    pool_work(run->pool, 2 * s->n);
    if (step == 1) {
        if (start >= stop)
            return value_string(run->pool, "", 0);
        from = letters_offset(s->text, s->n, (size_t)start);
        to = from + letters_offset(s->text + from, s->n - from, (size_t)(stop - start));
        return value_string(run->pool, s->text + from, to - from);
    }
    all = value_items(run->pool, (struct value){.kind = KIND_STRING,
                                                .as.string = (struct string *)(uintptr_t)s});
    for (int64_t i = start; step > 0 ? i < stop : i > stop; i += step)
        value_write(run->pool, &writer, all->item[i].as.string->text,
                    all->item[i].as.string->n);
    return value_written(run->pool, &writer);
}

/* A range again, with bounds of its own. */
static struct value range_part(struct run *run, const struct list *range, int64_t from,
                               int64_t to, int64_t by)
{
    struct value out = value_list(run->pool, KIND_RANGE, 0);
    struct list *list = out.as.list;

    list->start = range->start + from * range->step;
    list->stop = range->start + to * range->step;
    list->step = range->step * by;
    for (int64_t i = from; by > 0 ? i < to : i > to; i += by)
        value_append(run->pool, list, range->item[i]);
    return out;
}

static int64_t step_of(struct run *run, struct value step)
{
    int64_t by = 1;

    if (step.kind != KIND_NONE && !compare_whole(step, &by))
        run_fail(run, "slice indices must be integers or None or have an __index__ method");
    if (!by)
        run_fail(run, "slice step cannot be zero");
    return by;
}

static bool index_or_none(struct value value)
{
    int64_t at;

    return value.kind == KIND_NONE || compare_whole(value, &at);
}

bool arithmetic_sliceable(struct value of, struct value start, struct value stop,
                          struct value step)
{
    return of.kind == KIND_UNDEFINED ||
           ((of.kind == KIND_STRING || value_sequence(of)) && index_or_none(start) &&
            index_or_none(stop) && index_or_none(step));
}

struct value arithmetic_slice(struct run *run, struct value of, struct value start,
                              struct value stop, struct value step)
{
    int64_t by, n, from, to;
    struct value list;

    if (of.kind == KIND_UNDEFINED)
        run_fail_undefined(run, of);
    if (of.kind != KIND_STRING && !value_sequence(of))
        run_fail(run, "'%s' object is not subscriptable", value_type(of));
    by = step_of(run, step);
    n = (int64_t)(of.kind == KIND_STRING ? letters_count(of.as.string->text, of.as.string->n)
                                         : of.as.list->n);
    by = by > n + 1 ? n + 1 : by < -n - 1 ? -n - 1 : by;
    from = bound(run, start, n, by < 0, by < 0 ? n - 1 : 0);
    to = bound(run, stop, n, by < 0, by < 0 ? -1 : n);
    if (of.kind == KIND_STRING)
        return markup_kept(characters(run, of.as.string, from, to, by), of);
    if (of.kind == KIND_RANGE)
        return range_part(run, of.as.list, from, to, by);
    list = value_list(run->pool, of.kind == KIND_LIST ? KIND_LIST : KIND_TUPLE, 0);
    for (int64_t i = from; by > 0 ? i < to : i > to; i += by)
        value_append(run->pool, list.as.list, of.as.list->item[i]);
    return list;
}
