/* Each copy is one block that is measured and then filled by the same function: `put` without
 * a base only counts. So what is measured and what is written cannot differ. */

#include "broker/copy.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* A block that is filled in two passes: without `base` it only counts. */
struct copy_block {
    uint8_t *base;
    size_t used;
};

static void *put(struct copy_block *block, const void *bytes, size_t n)
{
    uint8_t *at = NULL;

    if (block->base) {
        at = block->base + block->used;
        if (n)
            memcpy(at, bytes, n);
    }
    /* Every part begins where any type may. */
    block->used += (n + 7) & ~(size_t)7;
    return at;
}

static const char *put_text(struct copy_block *block, const char *text)
{
    return put(block, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void put_earlier(struct copy_block *block, struct earlier *e)
{
    e->each = put(block, e->each, e->n_each * sizeof *e->each);
    e->token = put(block, e->token, e->n_token * sizeof *e->token);
    e->share = put(block, e->share, e->n_token);
}

/* `out` is NULL while it only counts; then what was put is copied over it with pointers into
 * the block. */
static void put_task(struct copy_block *block, const struct task *in)
{
    struct task task = *in, *out = put(block, in, sizeof *in);
    const char **text;

    task.prompt = put(block, in->prompt, in->n_prompt * sizeof *in->prompt);
    task.tail = put(block, in->tail, in->n_tail * sizeof *in->tail);
    task.decoding.stop = put(block, in->decoding.stop, in->decoding.n_stop * sizeof(int32_t));
    text = put(block, in->decoding.stop_text, in->decoding.n_stop_text * sizeof *text);
    for (uint32_t i = 0; i < in->decoding.n_stop_text; i++) {
        const char *one = put_text(block, in->decoding.stop_text[i]);

        if (text)
            text[i] = one;
    }
    task.decoding.stop_text = text;
    task.prompt_text = put_text(block, in->prompt_text);
    task.meta = put_text(block, in->meta);
    put_earlier(block, &task.earlier);
    if (out)
        *out = task;
}

static void put_rollout(struct copy_block *block, const struct rollout *in)
{
    struct rollout rollout = *in, *out = put(block, in, sizeof *in);

    rollout.token = put(block, in->token, in->n_token * sizeof *in->token);
    rollout.logprob = put(block, in->logprob, in->n_token * sizeof *in->logprob);
    rollout.mask = put(block, in->mask, in->n_mask);
    rollout.span = put(block, in->span, in->n_span * sizeof *in->span);
    rollout.text = put_text(block, in->text);
    if (out)
        *out = rollout;
}

static void put_scorers(struct copy_block *block, const struct scorer *in, uint32_t n)
{
    struct scorer *out = put(block, in, n * sizeof *in);

    for (uint32_t i = 0; i < n; i++) {
        const char *name = put_text(block, in[i].name), *spec = put_text(block, in[i].spec);

        if (!out)
            continue;
        out[i].name = name;
        out[i].spec = spec;
    }
}

static void put_artifacts(struct copy_block *block, const struct artifact *in, uint32_t n)
{
    struct artifact *out = put(block, in, n * sizeof *in);

    for (uint32_t i = 0; i < n; i++) {
        const char *name = put_text(block, in[i].name);

        if (out)
            out[i].name = name;
    }
}

enum err copy_task(struct task **out, size_t *bytes, const struct task *in)
{
    struct copy_block block = {NULL, 0};
    enum err err;

    put_task(&block, in);
    *bytes = block.used;
    err = mem_big(&block.base, block.used, 1, "task");
    if (err)
        return err;
    *out = (void *)block.base;
    block.used = 0;
    put_task(&block, in);
    return OK;
}

enum err copy_rollout(struct rollout **out, size_t *bytes, const struct rollout *in)
{
    struct copy_block block = {NULL, 0};
    enum err err;

    put_rollout(&block, in);
    *bytes = block.used;
    err = mem_big(&block.base, block.used, 1, "rollout");
    if (err)
        return err;
    *out = (void *)block.base;
    block.used = 0;
    put_rollout(&block, in);
    return OK;
}

enum err copy_scorers(struct scorer **out, const struct scorer *in, uint32_t n)
{
    struct copy_block block = {NULL, 0};
    enum err err;

    put_scorers(&block, in, n);
    /* One more: a table may be empty, a block may not. */
    err = mem_big(&block.base, block.used + 1, 1, "scorer table");
    if (err)
        return err;
    *out = (void *)block.base;
    block.used = 0;
    put_scorers(&block, in, n);
    return OK;
}

enum err copy_artifacts(struct artifact **out, const struct artifact *in, uint32_t n)
{
    struct copy_block block = {NULL, 0};
    enum err err;

    put_artifacts(&block, in, n);
    err = mem_big(&block.base, block.used + 1, 1, "artifact table");
    if (err)
        return err;
    *out = (void *)block.base;
    block.used = 0;
    put_artifacts(&block, in, n);
    return OK;
}

static bool same_decoding(const struct decoding *a, const struct decoding *b)
{
    if (a->temperature != b->temperature || a->top_p != b->top_p || a->min_p != b->min_p ||
        a->top_k != b->top_k || a->max_new != b->max_new || a->n_stop != b->n_stop ||
        a->n_stop_text != b->n_stop_text)
        return false;
    if (a->n_stop && memcmp(a->stop, b->stop, a->n_stop * sizeof *a->stop))
        return false;
    for (uint32_t i = 0; i < a->n_stop_text; i++)
        if (strcmp(a->stop_text[i], b->stop_text[i]))
            return false;
    return true;
}

/* Cheap comparisons first. All that decides the answer, or its scores, counts; earlier answers do not. */
bool copy_same_task(const struct task *a, const struct task *b)
{
    if (a->id != b->id || a->seed != b->seed || a->samples != b->samples ||
        a->n_prompt != b->n_prompt || a->n_tail != b->n_tail || a->table != b->table ||
        a->version.number != b->version.number ||
        !hash_same(&a->version.hash, &b->version.hash))
        return false;
    if (a->n_prompt && memcmp(a->prompt, b->prompt, a->n_prompt * sizeof *a->prompt))
        return false;
    if (a->n_tail && memcmp(a->tail, b->tail, a->n_tail * sizeof *a->tail))
        return false;
    return same_decoding(&a->decoding, &b->decoding) && !strcmp(a->meta, b->meta) &&
           !strcmp(a->prompt_text, b->prompt_text);
}
