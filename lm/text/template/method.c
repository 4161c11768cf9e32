/* How it works: tables by kind. A method that would change its value is absent, as in Jinja2's
 * immutable sandbox, where calling it is an error, too.
 * Methods are values: `message.get` without a call is one, too, and printing it is refused,
 * since Python prints an address. */
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

#include <math.h>

#define UNUSED (void)run, (void)self, (void)arg, (void)all

/* Keys alone, whatever methods are called like them. */
static struct value get(struct run *run, struct value self, const struct value *arg,
                        const struct args *all)
{
    const struct value *there = value_find(run->pool, self.as.dict, arg[0]);

    UNUSED;
    if (there && value_is(arg[0], "content"))
        value_seen(self.as.dict);
    if (there)
        return *there;
    return arg[1].kind == KIND_MISSING ? value_none() : arg[1];
}

/* A window on a dictionary: it can be gone over as often as one likes, unlike an iterator,
 * and has a length. */
static struct value view(struct run *run, struct value self, char what)
{
    struct view *view = pool_take(run->pool, sizeof *view);

    *view = (struct view){self.as.dict, what};
    return (struct value){.kind = KIND_VIEW, .as.view = view};
}

/* dict.items(): pairs of key and item in the order in which they came. A key that is called
 * items is hidden by it with '.', as in Jinja2. */
static struct value items(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    UNUSED;
    return view(run, self, 'i');
}

/* dict.keys(): what the dictionary itself gives when a loop goes over it; membership is
 * asked of the keys. */
static struct value keys(struct run *run, struct value self, const struct value *arg,
                         const struct args *all)
{
    UNUSED;
    return view(run, self, 'k');
}

/* dict.values(): the items alone, in the keys' order; whoever goes over them has looked at
 * all of the message. */
static struct value values(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    UNUSED;
    return view(run, self, 'v');
}

/* Values do not change, so a copy is the value. */
static struct value copy(struct run *run, struct value self, const struct value *arg,
                         const struct args *all)
{
    UNUSED;
    return self;
}

/* list.count(value): by equality, so that 1, 1.0 and true are the same, as they are in
 * Python. */
static struct value count(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    int64_t n = 0;

    UNUSED;
    for (size_t i = 0; i < self.as.list->n; i++)
        n += compare_equal(run->pool, self.as.list->item[i], arg[0]);
    return value_int(n);
}

/* Bounds as in a slice: from the end where negative, cut where beyond. */
static struct value index_of(struct run *run, struct value self, const struct value *arg,
                             const struct args *all)
{
    const int64_t n = (int64_t)self.as.list->n;
    int64_t from = call_int(run, arg[1], 0), to = call_int(run, arg[2], n);

    UNUSED;
    from = from < 0 ? (from < -n ? 0 : from + n) : from;
    to = to < 0 ? (to < -n ? 0 : to + n) : to > n ? n : to;
    for (int64_t i = from; i < to; i++)
        if (compare_equal(run->pool, self.as.list->item[i], arg[0]))
            return value_int(i);
    run_fail(run, "the value is not in the %s", value_type(self));
}

/* keys.isdisjoint(others): whether none of them is here. Of two sets the smaller one is gone
 * over, so that what has no hash is found where Python finds it. */
static struct value isdisjoint(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    const bool swap = compare_set(arg[0]) && arg[0].as.view->dict->n > self.as.view->dict->n;
    const struct value over = swap ? self : arg[0], in = swap ? arg[0] : self;
    const struct list *list = value_items(run->pool, over);

    UNUSED;
    if (!list)
        run_fail(run, "'%s' object is not iterable", value_type(over));
    for (size_t i = 0; i < list->n; i++)
        if (compare_in(run->pool, list->item[i], in))
            return value_bool(false);
    return value_bool(true);
}

/* float.is_integer(): what is infinite is no integer. */
static struct value is_integer(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    UNUSED;
    return value_bool(isfinite(self.as.real) && floor(self.as.real) == self.as.real);
}

bool method_find(struct run *run, struct value of, const struct string *name, struct value *out)
{
    static const struct builtin of_dict[] = {{"get", "key,default", 1, get},
                                             {"items", "", 0, items},
                                             {"keys", "", 0, keys},
                                             {"values", "", 0, values},
                                             {"copy", "", 0, copy}};
    static const struct builtin of_list[] = {{"index", "value,start,stop", 1, index_of},
                                             {"count", "value", 1, count},
                                             {"copy", "", 0, copy}};
    static const struct builtin of_set[] = {{"isdisjoint", "other", 1, isdisjoint}};
    static const struct builtin of_float[] = {{"is_integer", "", 0, is_integer}};
    const struct builtin *row = NULL;

    if (of.kind == KIND_STRING)
        row = method_text_row(run, name);
    else if (of.kind == KIND_DICT)
        row = call_find(of_dict, sizeof of_dict / sizeof *of_dict, name);
    else if (compare_set(of))
        row = call_find(of_set, 1, name);
    else if (of.kind == KIND_FLOAT)
        row = call_find(of_float, 1, name);
    else if (value_sequence(of)) /* tuples and ranges have no copy */
        row = call_find(of_list, of.kind == KIND_LIST ? 3 : 2, name);
    if (row)
        *out = call_bound(run, row, of);
    return row != NULL;
}
