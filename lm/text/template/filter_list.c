/* How it works: over lists, at once; where Jinja2 gives a generator, so do these (a list that
 * is given once), for a template can see the difference.
 * Python's generators are lazy, ours are not: nothing that a filter does can be seen, but the
 * error of an item that nobody would have asked for. */
#include "lm/text/template/limits.h"
#include "lm/text/template/machine.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

#include <string.h>

#define UNUSED (void)run, (void)self, (void)arg, (void)all

struct list *filter_list_items(struct run *run, struct value value)
{
    struct list *list = value_items(run->pool, value);

    if (!list)
        run_fail(run, "'%s' object is not iterable", value_type(value));
    return list;
}

/* A part of a path: digits are an index. */
static struct value path_key(struct run *run, const char *text, size_t n)
{
    int64_t number = n && n < 10 ? 0 : -1;

    for (size_t i = 0; i < n && number >= 0; i++)
        number = text[i] >= '0' && text[i] <= '9' ? number * 10 + text[i] - '0' : -1;
    return number >= 0 ? value_int(number) : value_string(run->pool, text, n);
}

struct value filter_list_attribute(struct run *run, struct value item, struct value attribute,
                                   struct value other)
{
    const struct string *path;
    const bool has_other = other.kind != KIND_MISSING && other.kind != KIND_NONE;
    size_t at = 0, end;

    if (attribute.kind == KIND_MISSING || attribute.kind == KIND_NONE)
        return item;
    if (attribute.kind != KIND_STRING) {
        item = evaluate_item(run, item, attribute);
        return item.kind == KIND_UNDEFINED && has_other ? other : item;
    }
    path = attribute.as.string;
    do {
        for (end = at; end < path->n && path->text[end] != '.';)
            end++;
        item = evaluate_item(run, item, path_key(run, path->text + at, end - at));
        if (item.kind == KIND_UNDEFINED && has_other)
            item = other;
        at = end + 1;
    } while (end < path->n);
    return item;
}

/* What Python gives lazily: it can be gone over once, has no length and no text, and is true
 * even when it is empty. */
static struct value generator(struct run *run, struct list *list)
{
    return value_iterator(run->pool, list, "generator");
}

/* value|list: all items at once; of a text its characters, of a dictionary its keys, of an
 * iterator what it has left. */
static struct value to_list(struct run *run, struct value self, const struct value *arg,
                            const struct args *all)
{
    UNUSED;
    return (struct value){.kind = KIND_LIST, .as.list = filter_list_items(run, self)};
}

/* value|first: of an iterator the next one, which is then gone; undefined when there is
 * none, which a template may ask about. */
static struct value first(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    const struct list *list;

    UNUSED;
    if (self.kind == KIND_ITERATOR) {
        struct iterator *it = self.as.iterator;

        if (it->at < it->list->n)
            return it->list->item[it->at++];
        return value_undefined(run->pool, "no first item, sequence was empty");
    }
    list = filter_list_items(run, self);
    return list->n ? list->item[0]
                   : value_undefined(run->pool, "no first item, sequence was empty");
}

/* Undefined has a length and no items, so it has a last item that is undefined. */
static struct value last(struct run *run, struct value self, const struct value *arg,
                         const struct args *all)
{
    const struct list *list = filter_list_items(run, self);

    UNUSED;
    if (self.kind == KIND_ITERATOR)
        run_fail(run, "'%s' object is not reversible", value_type(self));
    /* Of a safe text the last character is safe and the first is not, as in Python: there is a
     * way from the front that knows nothing of Markup. */
    return list->n ? markup_kept(list->item[list->n - 1], self)
                   : value_undefined(run->pool, "no last item, sequence was empty");
}

/* value|join(d, attribute): the texts of the items, or of an attribute of each, with the
 * text of `d` between them. */
static struct value join(struct run *run, struct value self, const struct value *arg,
                         const struct args *all)
{
    const struct list *list = filter_list_items(run, self);
    struct text_writer writer = {.text = NULL};

    UNUSED;
    for (size_t i = 0; i < list->n; i++) {
        if (i && arg[0].kind != KIND_MISSING)
            print_str(run, &writer, arg[0]);
        print_str(run, &writer,
                  filter_list_attribute(run, list->item[i], arg[1],
                                        (struct value){.kind = KIND_MISSING}));
    }
    return value_written(run->pool, &writer);
}

/* value|reverse: of a text a text, of a list an iterator, which is why templates write
 * |reverse|list. */
static struct value reverse(struct run *run, struct value self, const struct value *arg,
                            const struct args *all)
{
    const struct value none = value_none();
    const struct list *list;
    struct list *back;

    UNUSED;
    if (self.kind == KIND_STRING)
        return arithmetic_slice(run, self, none, none, value_int(-1));
    list = filter_list_items(run, self);
    back = value_list(run->pool, KIND_LIST, list->n).as.list;
    for (size_t i = list->n; i-- > 0;)
        value_append(run->pool, back, list->item[i]);
    if (self.kind == KIND_ITERATOR || self.kind == KIND_UNDEFINED)
        return (struct value){.kind = KIND_LIST, .as.list = back};
    return value_iterator(run->pool, back, "list_reverseiterator");
}

/* A named argument of a filter that takes its arguments as they come; NULL: it was not
 * given. */
static const struct value *named(const struct args *all, const char *name)
{
    for (size_t i = 0; i < all->named; i++)
        if (all->name[i].n == strlen(name) && !memcmp(all->name[i].text, name, all->name[i].n))
            return &all->item[all->n + i];
    return NULL;
}

/* The arguments without the first `skip` ones. */
static struct args rest_of(const struct args *all, size_t skip)
{
    struct args rest = *all;

    skip = skip < all->n ? skip : all->n;
    rest.item += skip;
    rest.n -= skip;
    return rest;
}

/* value|map(attribute=…, default=…), or value|map('filter', …): the one looks up, the other
 * calls; without either it is an error. */
static struct value map(struct run *run, struct value self, const struct value *arg,
                        const struct args *all)
{
    const struct value *attribute = all->n ? NULL : named(all, "attribute");
    const struct value *other = named(all, "default"), missing = {.kind = KIND_MISSING};
    const struct args rest = rest_of(all, 1);
    const struct list *list;
    struct list *out;

    UNUSED;
    if (!attribute && !all->n)
        run_fail(run, "map requires a filter argument");
    if (attribute && all->named > 1u + (other != NULL))
        run_fail(run, "unexpected keyword argument");
    if (!compare_true(self)) /* also what cannot be iterated, such as none */
        return generator(run, value_list(run->pool, KIND_LIST, 0).as.list);
    list = filter_list_items(run, self);
    out = value_list(run->pool, KIND_LIST, list->n).as.list;
    for (size_t i = 0; i < list->n; i++)
        value_append(
            run->pool, out,
            attribute ? filter_list_attribute(run, list->item[i], *attribute,
                                              other ? *other : missing)
                      : filter_call(run, call_string(run, all->item[0]), list->item[i], &rest));
    return generator(run, out);
}

/* select, reject, selectattr, rejectattr */
static struct value chosen(struct run *run, struct value self, const struct args *all,
                           bool attribute, bool wanted)
{
    const struct args rest = rest_of(all, attribute ? 2 : 1);
    const struct value missing = {.kind = KIND_MISSING};
    struct list *out = value_list(run->pool, KIND_LIST, 0).as.list;
    const struct list *list;

    if (!compare_true(self))
        return generator(run, out);
    if (attribute && !all->n)
        run_fail(run, "missing parameter for attribute name");
    list = filter_list_items(run, self);
    for (size_t i = 0; i < list->n; i++) {
        struct value item = list->item[i];
        bool ok;

        if (attribute)
            item = filter_list_attribute(run, item, all->item[0], missing);
        if (all->n > attribute)
            ok = test_call(run, call_string(run, all->item[attribute]), item, &rest);
        else
            ok = compare_true(item);
        if (ok == wanted)
            value_append(run->pool, out, list->item[i]);
    }
    return generator(run, out);
}

/* value|select('test', …): the items that pass; without a test those that are true. */
static struct value select_items(struct run *run, struct value self, const struct value *arg,
                                 const struct args *all)
{
    UNUSED;
    return chosen(run, self, all, false, true);
}

/* value|reject('test', …): the items that do not pass, in their order. */
static struct value reject(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    UNUSED;
    return chosen(run, self, all, false, false);
}

/* value|selectattr('attribute', 'test', …): the items whose attribute passes; the items
 * themselves are given, not the attributes. */
static struct value selectattr(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    UNUSED;
    return chosen(run, self, all, true, true);
}

/* value|rejectattr('attribute', 'test', …): the items whose attribute does not pass, an
 * undefined one without a test among them. */
static struct value rejectattr(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    UNUSED;
    return chosen(run, self, all, true, false);
}

/* value|sum(attribute, start): by the operator +, from 0 on, so that lists need a start and
 * texts are refused as in Python. */
static struct value sum(struct run *run, struct value self, const struct value *arg,
                        const struct args *all)
{
    const struct list *list = filter_list_items(run, self);
    struct value total = arg[1].kind == KIND_MISSING ? value_int(0) : arg[1];

    UNUSED;
    if (total.kind == KIND_STRING)
        run_fail(run, "sum() can't sum strings");
    /* Adding up takes no memory, so a loop of sums would have no other end. */
    pool_work(run->pool, JINJA_WORK_VALUE * list->n);
    for (size_t i = 0; i < list->n; i++)
        total = arithmetic(run, '+', total,
                           filter_list_attribute(run, list->item[i], arg[0],
                                                 (struct value){.kind = KIND_MISSING}));
    return total;
}

/* What is short of `size` is filled up. A size may be any number: half an item is never
 * reached, and only filling needs a whole one. */
static void fill(struct run *run, struct list *row, struct value size, struct value with)
{
    int64_t whole;

    if (compare_order(run->pool, value_int((int64_t)row->n), size, "<") >= 0)
        return;
    if (!compare_whole(size, &whole))
        run_fail(run, "can't multiply sequence by non-int of type '%s'", value_type(size));
    while ((int64_t)row->n < whole)
        value_append(run->pool, row, with);
}

/* Rows of so many, the last one shorter, or filled. */
static struct value batch(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    const struct list *list = filter_list_items(run, self);
    struct list *out = value_list(run->pool, KIND_LIST, 0).as.list;
    struct value row = value_list(run->pool, KIND_LIST, 0);
    const bool filled = arg[1].kind != KIND_MISSING && arg[1].kind != KIND_NONE;

    UNUSED;
    for (size_t i = 0; i < list->n; i++) {
        /* With rows of none an empty one comes first, and none is full again. */
        if (compare_equal(run->pool, value_int((int64_t)row.as.list->n), arg[0])) {
            value_append(run->pool, out, row);
            row = value_list(run->pool, KIND_LIST, 0);
        }
        value_append(run->pool, row.as.list, list->item[i]);
    }
    if (row.as.list->n && filled)
        fill(run, row.as.list, arg[0], arg[1]);
    if (row.as.list->n)
        value_append(run->pool, out, row);
    return generator(run, out);
}

/* So many rows, the first ones longer by one. */
static struct value slices(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    const int64_t n = call_int(run, arg[0], 0);
    const struct list *list = filter_list_items(run, self);
    struct list *out = value_list(run->pool, KIND_LIST, 0).as.list;
    const int64_t each = n ? (int64_t)list->n / n : 0, more = n ? (int64_t)list->n % n : 0;
    size_t at = 0;

    UNUSED;
    if (!n)
        run_fail(run, "integer division or modulo by zero");
    for (int64_t i = 0; i < n; i++) {
        struct value row = value_list(run->pool, KIND_LIST, 0);

        for (int64_t k = 0; k < each + (i < more); k++)
            value_append(run->pool, row.as.list, list->item[at++]);
        if (arg[1].kind != KIND_MISSING && arg[1].kind != KIND_NONE && i >= more)
            value_append(run->pool, row.as.list, arg[1]);
        value_append(run->pool, out, row);
    }
    return generator(run, out);
}

const struct builtin *filter_list_row(const struct string *name)
{
    static const struct builtin row[] = {
        {"batch", "linecount,fill_with", 1, batch},
        {"first", "", 0, first},
        {"join", "d,attribute", 0, join},
        {"last", "", 0, last},
        {"list", "", 0, to_list},
        {"map", "*", 0, map},
        {"reject", "*", 0, reject},
        {"rejectattr", "*", 0, rejectattr},
        {"reverse", "", 0, reverse},
        {"select", "*", 0, select_items},
        {"selectattr", "*", 0, selectattr},
        {"slice", "slices,fill_with", 1, slices},
        {"sum", "attribute,start", 0, sum},
    };

    return call_find(row, sizeof row / sizeof *row, name);
}
