/* How it works: Jinja2 computes what is constant while it compiles, and looks a slice up there as
 * it looks up an item: of what has none it is undefined, where the same slice is an error in a
 * template that runs. So this walks over the tree once it is read: which expressions are constant,
 * from the leaves up, and then which slices stand in one that is, or alone in {{ }}.
 *
 * Nothing is computed here: all else gives the same now as later. */
#include "lm/text/template/fold.h"

#include "lm/text/template/tree.h"

#include <string.h>

/* Deeper trees end as errors when they run, before a slice in them could be told. */
enum { FOLD_DEPTH_MAX = 1000 };

/* Filters that are given the context, which is not there while a template is compiled. */
static bool needs_context(const struct node *node)
{
    static const char *const name[] = {"map", "select", "reject", "selectattr", "rejectattr"};

    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        if (node->kind == NODE_FILTER && node->name.n == strlen(name[i]) &&
            !memcmp(node->name.text, name[i], node->name.n))
            return true;
    return false;
}

static bool constant(struct node *node, int depth);

static bool all_constant(struct node *first, int depth)
{
    bool all = true;

    for (struct node *node = first; node; node = node->next)
        all &= constant(node, depth);
    return all;
}

/* Sets `fixed` of all below it, too. */
static bool constant(struct node *node, int depth)
{
    bool parts;

    if (!node)
        return true;
    if (depth > FOLD_DEPTH_MAX)
        return false;
    parts = constant(node->a, depth + 1) & constant(node->b, depth + 1) &
            constant(node->c, depth + 1) & constant(node->d, depth + 1) &
            all_constant(node->args, depth + 1);
    (void)all_constant(node->body, depth + 1);
    (void)all_constant(node->other, depth + 1);
    (void)constant(node->next_if, depth + 1);
    node->fixed = parts && node->kind < NODE_PLACE && node->kind != NODE_NAME &&
                  node->kind != NODE_CALL && node->kind != NODE_INPUT && !needs_context(node);
    return node->fixed;
}

static void mark(struct node *node, bool inside, int depth);

static void mark_all(struct node *first, bool inside, int depth)
{
    for (struct node *node = first; node; node = node->next)
        mark(node, inside, depth);
}

/* `inside`: what stands around it is computed early. */
static void mark(struct node *node, bool inside, int depth)
{
    if (!node || depth > FOLD_DEPTH_MAX)
        return;
    if (node->kind == NODE_SLICE && node->fixed && inside)
        node->op = 1;
    inside = node->fixed || node->kind == NODE_PRINT;
    mark(node->a, inside, depth + 1);
    mark(node->b, inside, depth + 1);
    mark(node->c, inside, depth + 1);
    mark(node->d, inside, depth + 1);
    mark_all(node->args, inside, depth + 1);
    mark_all(node->body, false, depth + 1);
    mark_all(node->other, false, depth + 1);
    mark(node->next_if, false, depth + 1);
}

void fold_slices(struct node *body)
{
    (void)all_constant(body, 0);
    mark_all(body, false, 0);
}
