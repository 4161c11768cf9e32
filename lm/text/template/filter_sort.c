/* How it works: keys are computed once an item, small letters for text unless case counts, and
 * sorted by merging, which is stable.
 * Comparing what has no order ends the run, as sorted() raises. */
#include "lm/text/template/letters.h"
#include "lm/text/template/parts.h"
#include "lm/text/template/value.h"

#include <string.h>

#define UNUSED (void)run, (void)self, (void)arg, (void)all

struct keyed {
    struct value key, item;
};

/* The key that a comparison goes by: small letters for texts, unless the case was asked for. */
static struct value folded(struct run *run, struct value value, bool cased)
{
    if (cased || value.kind != KIND_STRING)
        return value;
    return letters_case(run->pool, value.as.string, 'l');
}

/* Items with their keys by one attribute. */
static struct keyed *keyed(struct run *run, const struct list *list, struct value attribute,
                           struct value other, bool cased)
{
    struct keyed *out = pool_take(run->pool, (list->n + 1) * sizeof *out);

    for (size_t i = 0; i < list->n; i++) {
        const struct value key = filter_list_attribute(run, list->item[i], attribute, other);

        out[i] = (struct keyed){folded(run, key, cased), list->item[i]};
    }
    return out;
}

/* Stable; backwards, equal ones keep their order, too. */
static void sort(struct run *run, struct keyed *row, size_t n, bool back)
{
    struct keyed *spare = pool_take(run->pool, (n + 1) * sizeof *spare);

    for (size_t width = 1; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            const size_t middle = at + width < n ? at + width : n;
            const size_t end = at + 2 * width < n ? at + 2 * width : n;
            size_t i = at, j = middle;

            for (size_t k = at; k < end; k++) {
                bool right = i == middle;

                if (i < middle && j < end) {
                    const int order =
                        back ? compare_order(run->pool, row[i].key, row[j].key, "<")
                             : compare_order(run->pool, row[j].key, row[i].key, "<");

                    right = order < 0;
                }
                spare[k] = right ? row[j++] : row[i++];
            }
        }
        memcpy(row, spare, n * sizeof *row);
    }
}

/* "a,b" sorts by several attributes: the key is a list of them. */
static struct keyed *keyed_several(struct run *run, const struct list *list,
                                   struct value attribute, bool cased)
{
    struct keyed *out = pool_take(run->pool, (list->n + 1) * sizeof *out);
    const struct value missing = {.kind = KIND_MISSING};

    for (size_t i = 0; i < list->n; i++) {
        const struct string *all = attribute.kind == KIND_STRING ? attribute.as.string : NULL;
        size_t at = 0, end;

        out[i] = (struct keyed){value_list(run->pool, KIND_LIST, 0), list->item[i]};
        do {
            struct value one = attribute;

            for (end = at; all && end < all->n && all->text[end] != ',';)
                end++;
            if (all)
                one = value_string(run->pool, all->text + at, end - at);
            one = filter_list_attribute(run, list->item[i], one, missing);
            value_append(run->pool, out[i].key.as.list, folded(run, one, cased));
            at = end + 1;
        } while (all && end < all->n);
    }
    return out;
}

/* The items alone again, in the order of their keys. */
static struct value sorted(struct run *run, const struct keyed *row, size_t n)
{
    struct value out = value_list(run->pool, KIND_LIST, n);

    for (size_t i = 0; i < n; i++)
        value_append(run->pool, out.as.list, row[i].item);
    return out;
}

/* value|sort(reverse, case_sensitive, attribute): stable, also backwards: equal ones keep
 * the order in which they came. */
static struct value sort_items(struct run *run, struct value self, const struct value *arg,
                               const struct args *all)
{
    const struct list *list = filter_list_items(run, self);
    struct keyed *row = keyed_several(run, list, arg[2], call_flag(arg[1], false));

    UNUSED;
    sort(run, row, list->n, call_flag(arg[0], false));
    return sorted(run, row, list->n);
}

/* mapping|dictsort(case_sensitive, by, reverse): pairs in the order of their keys, or of
 * their values. */
static struct value dictsort(struct run *run, struct value self, const struct value *arg,
                             const struct args *all)
{
    const bool by_value = arg[1].kind != KIND_MISSING && value_is(arg[1], "value");
    struct view view = {self.as.dict, 'i'};
    struct list *list;
    struct keyed *row;

    UNUSED;
    if (arg[1].kind != KIND_MISSING && !by_value && !value_is(arg[1], "key"))
        run_fail(run, "you can only sort by either \"key\" or \"value\"");
    if (self.kind == KIND_UNDEFINED)
        run_fail_undefined(run, self);
    if (self.kind != KIND_DICT)
        run_fail(run, "'%s' object has no attribute 'items'", value_type(self));
    list = value_items(run->pool, (struct value){.kind = KIND_VIEW, .as.view = &view});
    row = keyed(run, list, value_int(by_value), (struct value){.kind = KIND_MISSING},
                call_flag(arg[0], false));
    sort(run, row, list->n, call_flag(arg[2], false));
    return sorted(run, row, list->n);
}

/* value|groupby(attribute, default, case_sensitive): sorted first, so that there is one
 * group a key wherever its items stood. */
static struct value groupby(struct run *run, struct value self, const struct value *arg,
                            const struct args *all)
{
    const struct list *list = filter_list_items(run, self);
    struct keyed *row = keyed(run, list, arg[0], arg[1], call_flag(arg[2], false));
    struct value out = value_list(run->pool, KIND_LIST, 0), group = value_none();

    UNUSED;
    sort(run, row, list->n, false);
    for (size_t i = 0; i < list->n; i++) {
        if (!i || !compare_equal(run->pool, row[i].key, row[i - 1].key)) {
            group = value_list(run->pool, KIND_LIST, 0);
            /* The group's name is as its first item has it, capitals and all. */
            value_append(run->pool, out.as.list,
                         value_pair(run->pool, KIND_GROUP,
                                    filter_list_attribute(run, row[i].item, arg[0], arg[1]),
                                    group));
        }
        value_append(run->pool, group.as.list, row[i].item);
    }
    return out;
}

/* The first of each key, in order. */
static struct value unique(struct run *run, struct value self, const struct value *arg,
                           const struct args *all)
{
    const struct list *list = filter_list_items(run, self);
    const struct keyed *row = keyed(run, list, arg[1], (struct value){.kind = KIND_MISSING},
                                    call_flag(arg[0], false));
    struct value seen = value_dict(run->pool, KIND_DICT);
    struct list *out = value_list(run->pool, KIND_LIST, 0).as.list;

    UNUSED;
    for (size_t i = 0; i < list->n; i++) {
        if (value_find(run->pool, seen.as.dict, row[i].key))
            continue;
        value_put(run->pool, seen.as.dict, row[i].key, value_none());
        value_append(run->pool, out, row[i].item);
    }
    return value_iterator(run->pool, out, "generator");
}

/* The first of those that are least, or greatest; NaN is neither, whatever it is compared
 * with. */
static struct value extreme(struct run *run, struct value self, const struct value *arg,
                            int want)
{
    const struct list *list = filter_list_items(run, self);
    const struct keyed *row = keyed(run, list, arg[1], (struct value){.kind = KIND_MISSING},
                                    call_flag(arg[0], false));
    size_t best = 0;

    if (!list->n)
        return value_undefined(run->pool, "no aggregated item, sequence was empty");
    for (size_t i = 1; i < list->n; i++) {
        const int order =
            compare_order(run->pool, row[i].key, row[best].key, want < 0 ? "<" : ">");

        if (order != 2 && (want < 0 ? order < 0 : order > 0))
            best = i;
    }
    return list->item[best];
}

static struct value smallest(struct run *run, struct value self, const struct value *arg,
                             const struct args *all)
{
    UNUSED;
    return extreme(run, self, arg, -1);
}

static struct value largest(struct run *run, struct value self, const struct value *arg,
                            const struct args *all)
{
    UNUSED;
    return extreme(run, self, arg, 1);
}

const struct builtin *filter_sort_row(const struct string *name)
{
    static const struct builtin row[] = {
        {"dictsort", "case_sensitive,by,reverse", 0, dictsort},
        {"groupby", "attribute,default,case_sensitive", 1, groupby},
        {"max", "case_sensitive,attribute", 0, largest},
        {"min", "case_sensitive,attribute", 0, smallest},
        {"sort", "reverse,case_sensitive,attribute", 0, sort_items},
        {"unique", "case_sensitive,attribute", 0, unique},
    };

    return call_find(row, sizeof row / sizeof *row, name);
}
