/* How it works: the items are a list from the start; `at` goes over it, and the loop's filter,
 * if it has one, is asked about an item when that item's turn comes, or when the body asks
 * whether there is another one.
 * A loop's length counts what is left first, and then those items are not asked again: a filter
 * may have changed its mind. */
#include "lm/text/template/machine.h"
#include "lm/text/template/value.h"

#include <string.h>

static const struct value missing = {.kind = KIND_MISSING};

/* Whether the loop's filter lets it through. */
static bool passes(struct run *run, const struct each_loop *loop, struct value item)
{
    struct scope *scope = run->scope;
    bool ok;

    if (!loop->node->c || loop->length >= 0) /* or it was asked when the rest was counted */
        return true;
    run->scope = run_scope(run, loop->outer);
    run_assign(run, loop->node->a, item);
    ok = compare_true(evaluate_node(run, loop->node->c));
    run->scope = scope;
    return ok;
}

/* The next item into `after`, which stays MISSING at the end. */
static void peek(struct run *run, struct each_loop *loop)
{
    while (loop->after.kind == KIND_MISSING && loop->at < loop->list->n) {
        const struct value item = loop->list->item[loop->at++];

        if (passes(run, loop, item))
            loop->after = item;
    }
}

/* A filtered loop's length is known when all its items were asked. */
int64_t each_length(struct run *run, struct each_loop *loop)
{
    struct list *rest;

    if (loop->length >= 0)
        return loop->length;
    rest = value_list(run->pool, KIND_LIST, 0).as.list;
    while (loop->at < loop->list->n) {
        const struct value item = loop->list->item[loop->at++];

        if (passes(run, loop, item))
            value_append(run->pool, rest, item);
    }
    loop->list = rest;
    loop->at = 0;
    loop->length = (int64_t)rest->n + loop->index0 + 1 + (loop->after.kind != KIND_MISSING);
    return loop->length;
}

static bool advance(struct run *run, struct each_loop *loop)
{
    peek(run, loop);
    if (loop->after.kind == KIND_MISSING)
        return false;
    loop->index0++;
    loop->before = loop->current;
    loop->current = loop->after;
    loop->after = missing;
    return true;
}

enum node_kind each_run(struct run *run, const struct node *node, struct list *list, int depth0)
{
    static const struct string name = {"loop", 4};
    struct scope *outer = run->scope;
    struct each_loop *loop = pool_take(run->pool, sizeof *loop);
    enum node_kind jump = NODE_DATA;
    bool whole = false; /* a turn went to its end: a quirk of Jinja2, `else` asks for that */

    *loop = (struct each_loop){.node = node,
                               .list = list,
                               .outer = outer,
                               .index0 = -1,
                               .length = node->c ? -1 : (int64_t)list->n,
                               .depth0 = depth0};
    while (jump != NODE_BREAK && advance(run, loop)) {
        run->scope = run_scope(run, outer);
        run_set(run, run->scope, &name, (struct value){.kind = KIND_LOOP, .as.loop = loop});
        run_step(run, node);
        run_assign(run, node->a, loop->current);
        jump = run_body(run, node->body);
        whole = whole || jump == NODE_DATA;
    }
    /* What `else` sets is gone behind it, as what a turn sets is: Jinja2 gives it a frame of its
     * own, though it runs once at most. */
    run->scope = whole ? outer : run_scope(run, outer);
    jump = whole ? NODE_DATA : run_body(run, node->other);
    run->scope = outer;
    return jump;
}

/* The same body over other items, one level deeper, as text. */
struct value each_again(struct run *run, struct each_loop *loop, struct value items)
{
    struct text_writer writer = {.text = NULL}, *out = run->out;
    struct scope *scope = run->scope;
    struct list *list = value_items(run->pool, items);

    if (!loop->node->op)
        run_fail(run, "the loop must have the 'recursive' marker to be called recursively");
    if (!list)
        run_fail(run, "'%s' object is not iterable", value_type(items));
    run_deeper(run);
    run->out = &writer;
    run->scope = loop->outer;
    (void)each_run(run, loop->node, list, loop->depth0 + 1);
    run->scope = scope;
    run->out = out;
    run->depth--;
    return value_written(run->pool, &writer);
}

/* loop.cycle(a, b, …): by the turn's number, so that a filter's dropped items do not count. */
static struct value cycle(struct run *run, struct value self, const struct value *arg,
                          const struct args *all)
{
    (void)arg;
    if (!all->n)
        run_fail(run, "no items for cycling given");
    return all->item[(size_t)self.as.loop->index0 % all->n];
}

/* loop.changed(…): whether what was given differs from the last turn's, the first one
 * always; one memory a loop, as in Jinja2. */
static struct value changed(struct run *run, struct value self, const struct value *arg,
                            const struct args *all)
{
    struct value now = value_list(run->pool, KIND_TUPLE, all->n);

    (void)arg;
    for (size_t i = 0; i < all->n; i++)
        value_append(run->pool, now.as.list, all->item[i]);
    if (self.as.loop->changed.kind != KIND_MISSING &&
        compare_equal(run->pool, now, self.as.loop->changed))
        return value_bool(false);
    self.as.loop->changed = now;
    return value_bool(true);
}

static bool is(const struct string *name, const char *word)
{
    return name->n == strlen(word) && !memcmp(name->text, word, name->n);
}

/* What lies before or ahead. */
static bool neighbour(struct run *run, struct each_loop *loop, const struct string *name,
                      struct value *out)
{
    if (is(name, "previtem")) {
        *out = loop->index0 ? loop->before
                            : value_undefined(run->pool, "there is no previous item");
        return true;
    }
    if (!is(name, "last") && !is(name, "nextitem"))
        return false;
    peek(run, loop);
    if (is(name, "last"))
        *out = value_bool(loop->after.kind == KIND_MISSING);
    else
        *out = loop->after.kind == KIND_MISSING
                   ? value_undefined(run->pool, "there is no next item")
                   : loop->after;
    return true;
}

bool each_attribute(struct run *run, struct each_loop *loop, const struct string *name,
                    struct value *out)
{
    static const struct builtin method[] = {{"cycle", "*", 0, cycle},
                                            {"changed", "*", 0, changed}};
    const struct builtin *row = call_find(method, 2, name);

    if (row)
        *out = call_bound(run, row, (struct value){.kind = KIND_LOOP, .as.loop = loop});
    else if (is(name, "index"))
        *out = value_int(loop->index0 + 1);
    else if (is(name, "index0"))
        *out = value_int(loop->index0);
    else if (is(name, "first"))
        *out = value_bool(loop->index0 == 0);
    else if (is(name, "length"))
        *out = value_int(each_length(run, loop));
    else if (is(name, "revindex"))
        *out = value_int(each_length(run, loop) - loop->index0);
    else if (is(name, "revindex0"))
        *out = value_int(each_length(run, loop) - loop->index0 - 1);
    else if (is(name, "depth"))
        *out = value_int(loop->depth0 + 1);
    else if (is(name, "depth0"))
        *out = value_int(loop->depth0);
    else
        return neighbour(run, loop, name, out);
    return true;
}
