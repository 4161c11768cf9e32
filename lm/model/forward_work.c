/* Made once by whoever decodes or scores (generate, forward_score, judges) and used pass after
 * pass. The activations of a layer lie in the few buffers of the decode plan (block_plan.c).
 * Rows that follow one another in a sequence, and rows of sequences that begin with the same pages of
 * keys, make a run, which attention takes together: as many as fill its register tiles, as long as
 * their scores fit the scratch, which beyond LONG_ENOUGH keys is sized for one row, not for all. */

#include "lm/model/forward_work.h"

#include "base/mem.h"
#include "lm/kernel/attention.h"
#include "lm/kernel/share.h"

#include <assert.h>
#include <omp.h>
#include <stdlib.h>

enum {
    HEAD_ROWS = 96,     /* rows of logits that exist at once */
    LONG_ENOUGH = 4096, /* keys over which a full set of query rows still fits its scratch */
};

/* Of one thread: a full set of rows up to LONG_ENOUGH keys, one row to the end of the context.
 */
static size_t scratch_size(const struct shape *s)
{
    const int group = s->heads / s->kv_heads;
    const int length = s->context < LONG_ENOUGH ? s->context : LONG_ENOUGH;
    const size_t many = attention_scratch(attention_rows(group), group, s->head_dim, length);
    const size_t one = attention_scratch(1, group, s->head_dim, s->context);

    return ((many > one ? many : one) + 15) / 16 * 16;
}

/* All at once, when decoding starts: a pass allocates nothing. What no pass comes to (a generator asks for logits in rows
 * of its own, prompts are seldom as long as may be) takes no memory. */
static enum err reserve(struct forward_work *w, const struct shape *s)
{
    const size_t rows = (size_t)w->rows, half = (size_t)s->head_dim / 2;
    /* A row of logits is padded to whole vectors: softmax reads in sixteens. */
    const size_t logits = s->head == HEAD_LM ? ((size_t)s->vocab + 15) / 16 * 16 : 0;
    const size_t second = model_two_angles(s) ? half : 0;
    const struct {
        void *out;
        size_t count, size;
    } blocks[] = {
        {&w->x, rows * (size_t)s->width, sizeof(float)},
        {&w->scratch, rows * w->plan.decode.floats, sizeof(float)},
        {&w->cos[0], rows * half, sizeof(float)},
        {&w->sin[0], rows * half, sizeof(float)},
        {&w->cos[1], rows * second, sizeof(float)},
        {&w->sin[1], rows * second, sizeof(float)},
        {&w->logits, (size_t)w->head_rows * logits, sizeof(float)},
        {&w->attention, (size_t)w->keys.threads * w->keys.scratch_each, sizeof(float)},
        {&w->token, rows, sizeof(int)},
        {&w->pos, rows, sizeof(int)},
        {&w->keys.run, rows, sizeof(struct key_run)},
        {&w->keys.strand, rows, sizeof(struct attention_strand)},
    };

    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        if (mem_later(blocks[i].out, blocks[i].count, blocks[i].size, "forward scratch"))
            return ERR_NOMEM;
    w->keys.scratch = w->attention;
    return OK;
}

/* Keys and values of projected rows go to their sequences' caches. */
static void put(struct key_store *store, int layer, const float *qkv)
{
    struct forward_work *w = store->self;
    const size_t kv = (size_t)store->kv_heads * (size_t)store->form.head_dim;
    const size_t width = w->qkv, keys = width - 2 * kv;

    store->at = (size_t)layer * (size_t)store->kv_heads * store->apart;
/* keys go to memory of their own each, which no cache has: far more than the columns that are moved */
#pragma omp parallel for schedule(static) if (share_worth(32 * (size_t)w->n * width))
    for (int i = 0; i < w->n; i++) {
        const float *key = qkv + (size_t)i * width + keys;

        cache_put(w->row[i].cache, layer, w->row[i].pos, key, key + kv);
    }
}

enum err forward_work_new(struct forward_work **out, const struct shape *shape, int rows)
{
    struct forward_work *w;

    *out = NULL;
    if (rows < 1 || rows > 1 << 20)
        return err_set(ERR_RANGE, "forward scratch: %d rows: not in 1..%d", rows, 1 << 20);
    if (shape_check(shape))
        return ERR_RANGE;
    w = mem_new(1, sizeof *w);
    block_plan(&w->plan, shape);
    w->rows = rows;
    w->qkv = (size_t)block_width(shape, ACT_QKV);
    w->head_rows = rows < HEAD_ROWS ? rows : HEAD_ROWS;
    w->keys = (struct key_store){.form = key_store_form(shape),
                                 .kv_heads = shape->kv_heads,
                                 .put = put,
                                 .scratch_each = scratch_size(shape),
                                 .threads = omp_get_max_threads(),
                                 .self = w};
    w->keys.apart = kv_block_size(&w->keys.form);
    if (reserve(w, shape)) {
        forward_work_free(w);
        return ERR_NOMEM;
    }
    *out = w;
    return OK;
}

void forward_work_free(struct forward_work *work)
{
    if (!work)
        return;
    free(work->x);
    free(work->scratch);
    for (int i = 0; i < 2; i++) {
        free(work->cos[i]);
        free(work->sin[i]);
    }
    free(work->logits);
    free(work->attention);
    free(work->token);
    free(work->pos);
    free(work->keys.run);
    free(work->keys.strand);
    free(work);
}

/* Whether row i is taken together with the run that ends before it: as its last strand's next row, or
 * as a strand that begins with the same blocks, as long as all fit. */
static bool joins(struct forward_work *w, const struct shape *s, struct key_run *run, int i)
{
    struct attention_strand *last = &w->keys.strand[run->strand + run->strands - 1];
    const struct forward_row *row = &w->row[i];
    const int group = s->heads / s->kv_heads;
    const int length = row->pos + 1 > run->length ? row->pos + 1 : run->length;
    int common;

    if (run->n >= attention_rows(group) ||
        attention_scratch(run->n + 1, group, s->head_dim, length) > w->keys.scratch_each)
        return false;
    if (row->cache == row[-1].cache && row->pos == row[-1].pos + 1) {
        last->rows++;
    } else {
        /* None is one that a row of this pass is put to: those are its cache's alone. */
        common = cache_common(row->cache, w->row[run->from].cache);
        if (!common || (run->strands > 1 && common < run->common))
            return false;
        run->common = run->strands > 1 ? run->common : common;
        run->strands++;
        last[1] = (struct attention_strand){
            .rows = 1, .pos = row->pos, .block = (const char *const *)row->cache->page};
    }
    run->n++;
    run->length = length;
    return true;
}

/* Runs follow the order of the rows: whoever gathers rows puts a sequence's together, and sequences that
 * begin alike beside one another. */
void forward_work_begin(struct forward_work *work, const struct shape *shape,
                        const struct forward_row *rows, int n)
{
    struct key_store *keys = &work->keys;

    assert(n <= work->rows);
    work->row = rows;
    work->n = n;
    keys->n_runs = 0;
    for (int i = 0; i < n; i++) {
        assert(rows[i].token >= 0 && rows[i].token < shape->vocab);
        assert(rows[i].pos >= 0 && rows[i].pos < shape->context);
        work->token[i] = rows[i].token;
        work->pos[i] = rows[i].pos;
        cache_reach(rows[i].cache, rows[i].pos);
    }
    for (int i = 0; i < n; i++)
        if (!i || !joins(work, shape, &keys->run[keys->n_runs - 1], i))
            key_store_open(keys, i, rows[i].pos, (const char *const *)rows[i].cache->page);
}

struct block_pass forward_work_pass(struct forward_work *work, const struct model *model, int n)
{
    struct block_pass pass = {.model = model,
                              .n = n,
                              .cos = {work->cos[0], work->cos[1]},
                              .sin = {work->sin[0], work->sin[1]},
                              .keys = &work->keys};

    for (int a = 0; a < ACTS; a++)
        pass.act[a] = work->plan.decode.at[a] == BLOCK_NOWHERE
                          ? work->x
                          : work->scratch + (size_t)n * work->plan.decode.at[a];
    return pass;
}
