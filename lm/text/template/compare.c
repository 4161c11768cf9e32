/* How it works: by kinds, numbers first, since True == 1 == 1.0. UTF-8 sorts as its characters
 * do, so strings are compared as bytes. Lists recurse, and what they are made of is no deeper
 * than a template could build; every step counts as work.
 * Order is a question only of kinds that have one in Python; the others end the run with
 * Python's words. A dictionary's keys and items are compared as sets, so that of two neither may
 * be the larger one. A comparison of a deep value is bounded as its printing is. */
#define _GNU_SOURCE /* memmem */

#include "lm/text/template/limits.h"
#include "lm/text/template/value.h"

#include <math.h>
#include <string.h>

enum { DEEP = 1000 }; /* lists in lists, built by a loop */

bool compare_number(struct value value)
{
    return value.kind == KIND_BOOL || value.kind == KIND_INT || value.kind == KIND_FLOAT;
}

/* True and False among them. */
bool compare_whole(struct value value, int64_t *number)
{
    if (value.kind != KIND_BOOL && value.kind != KIND_INT)
        return false;
    *number = value.kind == KIND_BOOL ? value.as.flag : value.as.number;
    return true;
}

/* For what compare_number says yes to. */
double compare_real(struct value value)
{
    int64_t number;

    return compare_whole(value, &number) ? (double)number : value.as.real;
}

bool compare_true(struct value value)
{
    if (value_sequence(value))
        return value.as.list->n != 0;
    switch (value.kind) {
    case KIND_BOOL:
        return value.as.flag;
    case KIND_INT:
        return value.as.number != 0;
    case KIND_FLOAT:
        return value.as.real != 0;
    case KIND_STRING:
        return value.as.string->n != 0;
    case KIND_DICT:
        return value.as.dict->n != 0;
    case KIND_VIEW:
        return value.as.view->dict->n != 0;
    default: /* what else there is, is something; of none and undefined there is nothing */
        return value.kind > KIND_NONE;
    }
}

/* Exactly: a double is no int64 that it only rounds to. */
static int order_numbers(struct value a, struct value b)
{
    int64_t i, j;
    double x, y;

    if (compare_whole(a, &i) && compare_whole(b, &j))
        return (i > j) - (i < j);
    x = compare_real(a);
    y = compare_real(b);
    if (isnan(x) || isnan(y))
        return 2;
    if (compare_whole(a, &i) && x == y && fabs(y) < 9e18 && (int64_t)y != i)
        return (i > (int64_t)y) - (i < (int64_t)y);
    if (compare_whole(b, &j) && x == y && fabs(x) < 9e18 && (int64_t)x != j)
        return ((int64_t)x > j) - ((int64_t)x < j);
    return (x > y) - (x < y);
}

static int order_strings(struct pool *pool, const struct string *a, const struct string *b)
{
    const size_t n = a->n < b->n ? a->n : b->n;
    const int diff = n ? memcmp(a->text, b->text, n) : 0;

    pool_work(pool, n / 8);
    return diff ? (diff > 0) - (diff < 0) : (a->n > b->n) - (a->n < b->n);
}

static bool equal(struct pool *pool, struct value a, struct value b, int depth);

/* Item by item: [1] == [1.0], as in Python. */
static bool equal_lists(struct pool *pool, const struct list *a, const struct list *b,
                        int depth)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!equal(pool, a->item[i], b->item[i], depth))
            return false;
    return true;
}

/* The same keys with the same items, in whatever order. */
static bool equal_dicts(struct pool *pool, const struct dict *a, const struct dict *b,
                        int depth)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct value *other = value_find(pool, b, a->key[i]);

        if (!other || !equal(pool, a->item[i], *other, depth))
            return false;
    }
    return true;
}

/* groupby's pairs are tuples with names. */
static bool tuple_kind(enum value_kind kind)
{
    return kind == KIND_TUPLE || kind == KIND_GROUP;
}

/* Keys and items are looked for by their hash, so what has none is an error there, as in Python;
 * values are gone over. */
static bool in_view(struct pool *pool, struct value item, const struct view *view, int depth)
{
    const struct value *there;

    if (view->what == 'k')
        return value_find(pool, view->dict, item) != NULL;
    if (!tuple_kind(item.kind) || item.as.list->n != 2)
        return false;
    there = value_find(pool, view->dict, item.as.list->item[0]);
    return there && equal(pool, *there, item.as.list->item[1], depth);
}

/* All that `a` shows is in `b`. One pair serves for all items: no look-up keeps it. */
static bool within(struct pool *pool, const struct view *a, const struct view *b, int depth)
{
    struct value both[2];
    struct list pair = {.item = both, .n = 2};

    if (a->what != 'k')
        value_seen(a->dict);
    for (size_t i = 0; i < a->dict->n; i++) {
        both[0] = a->dict->key[i];
        both[1] = a->dict->item[i];
        if (!in_view(pool,
                     a->what == 'k' ? both[0]
                                    : (struct value){.kind = KIND_TUPLE, .as.list = &pair},
                     b, depth))
            return false;
    }
    return true;
}

/* Values may come twice, so a view of them is no set, and equals itself alone. */
bool compare_set(struct value value)
{
    return value.kind == KIND_VIEW && value.as.view->what != 'v';
}

/* For one sign alone, as Python asks: whether the one is all in the other is looked at where
 * their sizes allow it, so that what has no hash is an error there and nowhere else. 2: it does
 * not hold. */
static int order_sets(struct pool *pool, const struct view *a, const struct view *b,
                      const char *sign, int depth)
{
    const bool less = sign[0] == '<';
    const struct view *part = less ? a : b, *all = less ? b : a;
    const size_t n = part->dict->n, m = all->dict->n;

    if (n > m || (n == m && sign[1] != '=') || !within(pool, part, all, depth))
        return 2;
    return n == m ? 0 : less ? -1 : 1;
}

/* Two of one kind. */
static bool equal_alike(struct pool *pool, struct value a, struct value b, int depth)
{
    switch (a.kind) {
    case KIND_UNDEFINED:
    case KIND_NONE:
    case KIND_MISSING:
        return true;
    case KIND_STRING:
        return a.as.string->n == b.as.string->n &&
               order_strings(pool, a.as.string, b.as.string) == 0;
    case KIND_LIST:
    case KIND_RANGE:
        return equal_lists(pool, a.as.list, b.as.list, depth + 1);
    case KIND_DICT:
        return equal_dicts(pool, a.as.dict, b.as.dict, depth + 1);
    case KIND_VIEW:
        if (compare_set(a) && compare_set(b) && a.as.view->dict->n == b.as.view->dict->n)
            return order_sets(pool, a.as.view, b.as.view, "<=", depth + 1) == 0;
        return a.as.view == b.as.view;
    default: /* the very same */
        return a.as.list == b.as.list;
    }
}

/* Every pair that is looked at counts, since a tuple of two tuples of two … has as many as a
 * power of two says, in the memory of a few. */
static bool equal(struct pool *pool, struct value a, struct value b, int depth)
{
    pool_work(pool, JINJA_WORK_VALUE);
    if (depth > DEEP)
        pool_fail(pool, ERR_RANGE, "lists nested deeper than %d are compared", DEEP);
    if (compare_number(a) && compare_number(b))
        return order_numbers(a, b) == 0;
    if (tuple_kind(a.kind) && tuple_kind(b.kind))
        return equal_lists(pool, a.as.list, b.as.list, depth + 1);
    return a.kind == b.kind && equal_alike(pool, a, b, depth);
}

bool compare_equal(struct pool *pool, struct value a, struct value b)
{
    return equal(pool, a, b, 0);
}

static int order(struct pool *pool, struct value a, struct value b, const char *sign,
                 int depth);

/* By the first items that differ. */
static int order_lists(struct pool *pool, const struct list *a, const struct list *b,
                       const char *sign, int depth)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (!equal(pool, a->item[i], b->item[i], depth))
            return order(pool, a->item[i], b->item[i], sign, depth);
    return (a->n > b->n) - (a->n < b->n);
}

static int order(struct pool *pool, struct value a, struct value b, const char *sign, int depth)
{
    pool_work(pool, JINJA_WORK_VALUE);
    if (depth > DEEP)
        pool_fail(pool, ERR_RANGE, "lists nested deeper than %d are compared", DEEP);
    if (compare_number(a) && compare_number(b))
        return order_numbers(a, b);
    if (a.kind == KIND_STRING && b.kind == KIND_STRING)
        return order_strings(pool, a.as.string, b.as.string);
    if ((a.kind == KIND_LIST && b.kind == KIND_LIST) ||
        (tuple_kind(a.kind) && tuple_kind(b.kind)))
        return order_lists(pool, a.as.list, b.as.list, sign, depth + 1);
    if (compare_set(a) && compare_set(b))
        return order_sets(pool, a.as.view, b.as.view, sign, depth + 1);
    if (a.kind == KIND_UNDEFINED || b.kind == KIND_UNDEFINED) {
        const struct string *why = (a.kind == KIND_UNDEFINED ? a : b).as.string;

        pool_fail(pool, ERR_PARSE, "%.*s", (int)why->n, why->text);
    }
    pool_fail(pool, ERR_PARSE, "'%s' not supported between instances of '%s' and '%s'", sign,
              value_type(a), value_type(b));
}

int compare_order(struct pool *pool, struct value a, struct value b, const char *sign)
{
    return order(pool, a, b, sign, 0);
}

/* Part of a text: Python takes nothing but text there, not even a number. */
static bool contains(struct pool *pool, const struct string *all, struct value item)
{
    if (item.kind != KIND_STRING)
        pool_fail(pool, ERR_PARSE, "'in <string>' requires string as left operand, not %s",
                  value_type(item));
    pool_work(pool, all->n / 2);
    return !item.as.string->n ||
           (all->n && memmem(all->text, all->n, item.as.string->text, item.as.string->n));
}

bool compare_in(struct pool *pool, struct value item, struct value all)
{
    const struct list *list;

    if (all.kind == KIND_STRING)
        return contains(pool, all.as.string, item);
    if (all.kind == KIND_DICT)
        return value_find(pool, all.as.dict, item) != NULL;
    if (compare_set(all))
        return in_view(pool, item, all.as.view, 0);
    if (all.kind == KIND_ITERATOR) {
        struct iterator *it = all.as.iterator;

        /* It stops behind what it found: the rest is still to come. */
        while (it->at < it->list->n)
            if (compare_equal(pool, it->list->item[it->at++], item))
                return true;
        return false;
    }
    list = value_items(pool, all);
    if (!list)
        pool_fail(pool, ERR_PARSE, "argument of type '%s' is not iterable", value_type(all));
    for (size_t i = 0; i < list->n; i++)
        if (compare_equal(pool, list->item[i], item))
            return true;
    return false;
}

/* Spreads what is fed to it; against chosen collisions the
 * count of work helps, not the function. */
static uint64_t mix(uint64_t h, uint64_t x)
{
    h ^= x + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    return h * 0xff51afd7ed558ccdu;
}

/* By itself: a tuple has what its items have. */
static bool unhashable(struct value value)
{
    return value.kind == KIND_LIST || value.kind == KIND_DICT || compare_set(value);
}

/* Of a key, before it is looked for. A tuple's is made of its items', each counted as often as
 * it is met; numbers hash by their value, for 1, 1.0 and True are one key. */
static uint64_t hash(struct pool *pool, struct value value, int depth)
{
    uint64_t h = 1469598103934665603u;
    int64_t whole;
    double real;

    pool_work(pool, JINJA_WORK_VALUE);
    if (depth > DEEP)
        pool_fail(pool, ERR_RANGE, "tuples nested deeper than %d as a key", DEEP);
    if (compare_number(value)) {
        real = compare_real(value);
        /* 1 and 1.0 are the same key. */
        if (value.kind == KIND_FLOAT && real == floor(real) && fabs(real) < 9e18)
            value = value_int((int64_t)real);
        if (compare_whole(value, &whole))
            return mix(h, (uint64_t)whole);
        memcpy(&whole, &real, sizeof whole);
        return mix(h, (uint64_t)whole);
    }
    if (value.kind == KIND_STRING) {
        pool_work(pool, value.as.string->n);
        for (size_t i = 0; i < value.as.string->n; i++)
            h = (h ^ (unsigned char)value.as.string->text[i]) * 1099511628211u;
        return h ^ (h >> 29);
    }
    if (tuple_kind(value.kind)) {
        for (size_t i = 0; i < value.as.list->n; i++)
            h = mix(h, hash(pool, value.as.list->item[i], depth + 1));
        return h;
    }
    if (unhashable(value))
        pool_fail(pool, ERR_PARSE, "unhashable type: '%s'", value_type(value));
    return mix(h, (uint64_t)value.kind);
}

/* The question without the failure: where Jinja2 catches the error of a look-up, what has no
 * hash is not there. */
static bool hashable(struct pool *pool, struct value value, int depth)
{
    pool_work(pool, JINJA_WORK_VALUE);
    for (size_t i = 0; depth < DEEP && tuple_kind(value.kind) && i < value.as.list->n; i++)
        if (!hashable(pool, value.as.list->item[i], depth + 1))
            return false;
    return !unhashable(value);
}

/* Of what is nested too deep, hash() says so. */
bool compare_hashable(struct pool *pool, struct value value)
{
    return hashable(pool, value, 0);
}

uint64_t compare_hash(struct pool *pool, struct value value)
{
    return hash(pool, value, 0);
}
