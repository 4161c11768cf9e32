/* The memory plan of a layer, read off its list. What backward reads is kept, unless the
 * operation that makes it says that it is made again; everything else lives in scratch, in as
 * few buffers as its lifetimes allow: a walk over the steps hands every activation the first
 * buffer whose last owner is dead, and a buffer is as wide as its widest owner. Backward's
 * steps are forward's in reverse; there the gradients (slopes) and the values that are made
 * again share the buffers.
 *
 * Llama's layer, as an example; B0.. are buffers, K is kept, x the stream:
 *
 *   step   operation             decode     training   backward: slopes     made again
 *   0/10   norm attn             x  -> B0   K  -> B0   x  += B2             -
 *   1/9    linear q,k,v          B0 -> B1   B0 -> K    B2 <- B1             B0 (norm)
 *   2/8    rotate                B1         K          B1                   -
 *   3/7    attend                B1 -> B0   K  -> K    B1 <- B0             -
 *   4/6    linear o              B0 -> B1   K  -> K    B0 <- x              -
 *   5/5    add                   x  += B1   K  += K    x                    -
 *   6/4    norm mlp              x  -> B0   K  -> B0   x  += B2             -
 *   7/3    linear gate,up        B0 -> B1   B0 -> K    B2 <- B1             B0 (norm)
 *   8/2    gate                  B1 -> B0   K  -> B0   B1 <- B0             B0 (its backward)
 *   9/1    linear down           B0 -> B1   B0 -> K    B0 <- x              waits for 8
 *   10/0   add                   x  += B1   K  += K    x                    -
 *
 * Called once a model and once a training (model.c, activations.c); nothing here depends on the
 * batch. */

#include "lm/model/block.h"

#include <assert.h>
#include <string.h>

enum { ITEMS = 2 * ACTS, BUFFERS = 8 };

/* Something that needs room from one step to another, both included. */
struct plan_item {
    bool wanted;
    int born, dies;
    size_t width;
    size_t at; /* out */
};

static void extend(struct plan_item *item, int step, int width)
{
    if (!item->wanted)
        *item = (struct plan_item){true, step, step, (size_t)width, 0};
    item->born = step < item->born ? step : item->born;
    item->dies = step > item->dies ? step : item->dies;
}

/* Gives every item its place; floats of a row of all buffers. */
static size_t place(struct plan_item *item, int n_items, int n_steps)
{
    size_t wide[BUFFERS] = {0}, start[BUFFERS], end = 0;
    int busy[BUFFERS], buffer[ITEMS] = {0}; /* busy: the step in which the owner dies */

    for (int b = 0; b < BUFFERS; b++)
        busy[b] = -1;
    for (int step = 0; step < n_steps; step++)
        for (int i = 0; i < n_items; i++) {
            int b = 0;

            if (!item[i].wanted || item[i].born != step)
                continue;
            while (b < BUFFERS && busy[b] >= step)
                b++;
            assert(b < BUFFERS);
            buffer[i] = b;
            busy[b] = item[i].dies;
            wide[b] = item[i].width > wide[b] ? item[i].width : wide[b];
        }
    for (int b = 0; b < BUFFERS; b++) {
        start[b] = end;
        end += wide[b];
    }
    for (int i = 0; i < n_items; i++)
        item[i].at = item[i].wanted ? start[buffer[i]] : BLOCK_NOWHERE;
    return end;
}

static void scratch(struct block_scratch *out, struct plan_item *item, int n_steps)
{
    out->floats = place(item, ACTS, n_steps);
    for (int a = 0; a < ACTS; a++)
        out->at[a] = item[a].at;
}

/* Its backward overwrites slopes of what came out with those of what went in; decoding, which
 * keeps nothing, does so with the values. */
static bool made_in_place(const struct block_op *op)
{
    return op->kind == OP_HEAD_NORM;
}

/* Without memory of its own, decoding adds branches onto the stream where it lies, and
 * normalises heads in place. */
static void plan_decode(struct block_scratch *out, const struct shape *s,
                        const struct block_list *b)
{
    struct plan_item item[ACTS] = {{0}};

    for (int i = 0; i < b->n_ops; i++) {
        const struct block_op *op = &b->op[i];

        if (op->from != ACT_IN && op->from != ACT_MIDDLE)
            extend(&item[op->from], i, block_width(s, op->from));
        if (op->kind != OP_ADD)
            extend(&item[op->to], i, block_width(s, op->to));
    }
    for (int i = 0; i < b->n_ops; i++)
        if (made_in_place(&b->op[i])) { /* one item for both */
            extend(&item[b->op[i].from], item[b->op[i].to].dies, 0);
            item[b->op[i].to].wanted = false;
        }
    scratch(out, item, b->n_ops);
    for (int i = 0; i < b->n_ops; i++)
        if (made_in_place(&b->op[i]))
            out->at[b->op[i].to] = out->at[b->op[i].from];
}

/* Training keeps the stream of every layer: a branch is made where the sum will stand. */
static void plan_train(struct block_plan *plan, const struct shape *s,
                       const struct block_list *b)
{
    struct plan_item item[ACTS] = {{0}};

    for (int i = 0; i < b->n_ops; i++) {
        const enum block_act both[] = {b->op[i].from, b->op[i].to};

        for (int k = 0; k < 2; k++)
            if (!plan->kept[both[k]] && !block_stream(b, both[k]))
                extend(&item[both[k]], i, block_width(s, both[k]));
    }
    scratch(&plan->train, item, b->n_ops);
}

/* Steps run from the last operation (0) to the first. */
static void plan_backward(struct block_plan *plan, const struct shape *s,
                          const struct block_list *b)
{
    struct plan_item item[ITEMS] = {{0}}, *value = item, *slope = item + ACTS;

    for (int step = 0; step < b->n_ops; step++) {
        const struct block_op *op = &b->op[b->n_ops - 1 - step];
        const enum block_act both[] = {op->from, op->to};
        const struct block_op *maker = block_maker(b, op->from);

        if ((op->needs & NEEDS_FROM) && maker && maker->again == AGAIN_FORWARD)
            extend(&value[op->from], step, block_width(s, op->from));
        for (int k = 0; k < 2; k++)
            if (!block_stream(b, both[k]))
                extend(&slope[both[k]], step, block_width(s, both[k]));
        /* The weight's gradient waits until the input comes once more. */
        if (maker && maker->again == AGAIN_BACKWARD && !block_stream(b, op->to))
            extend(&slope[op->to], b->n_ops - 1 - (int)(maker - b->op), 0);
    }
    for (int i = 0; i < b->n_ops; i++)
        if (made_in_place(&b->op[i])) {
            extend(&slope[b->op[i].to], slope[b->op[i].from].dies, 0);
            slope[b->op[i].from].wanted = false;
        }
    plan->value.floats = plan->slope.floats = place(item, ITEMS, b->n_ops);
    for (int a = 0; a < ACTS; a++) {
        plan->value.at[a] = value[a].at;
        plan->slope.at[a] = slope[a].at;
    }
    for (int i = 0; i < b->n_ops; i++)
        if (made_in_place(&b->op[i]))
            plan->slope.at[b->op[i].from] = plan->slope.at[b->op[i].to];
}

void block_plan(struct block_plan *plan, const struct shape *shape)
{
    const struct block_list *b = block_of(shape);

    memset(plan, 0, sizeof *plan);
    plan->kept[ACT_MIDDLE] = true; /* the first branch is made where the sum will stand */
    for (int i = 0; i < b->n_ops; i++) {
        const struct block_op *op = &b->op[i], *maker = block_maker(b, op->from);

        if ((op->needs & NEEDS_FROM) && (!maker || maker->again == AGAIN_NO))
            plan->kept[op->from] = true;
        if (op->needs & NEEDS_TO)
            plan->kept[op->to] = true;
    }
    for (int a = ACT_IN + 1; a < ACTS; a++)
        plan->row_kept += plan->kept[a] ? (size_t)block_width(shape, (enum block_act)a) : 0;
    for (int i = 0; i < b->n_ops; i++) {
        plan->row_kept += (size_t)block_factors(shape, &b->op[i]);
        if (plan->kept[b->op[i].to] || block_factors(shape, &b->op[i]))
            plan->remake = i + 1;
    }
    plan_decode(&plan->decode, shape, b);
    plan_train(plan, shape, b);
    plan_backward(plan, shape, b);
}
