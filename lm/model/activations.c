/* One block of memory, carved for as many rows as the largest batch so far (activations_rows). Then
 * the batch's own: positions, the runs of queries that
 * attention takes together, and the keys of one layer (the next layer's overwrite them:
 * backward makes probabilities again from qkv). train.c calls begin before each forward pass;
 * everything is valid until the next one. The size that activations_size foretells is of the
 * same sums. */

#include "lm/model/activations.h"

#include "base/mem.h"
#include "lm/kernel/attention.h"
#include "lm/kernel/grad_attention.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Logits held at a time: whole rows in forward, so many as make full GEMM speed, but no more than
 * some memory holds; some columns of all rows in backward. */
enum { HEAD_FLOATS = 1 << 23, HEAD_LEAST = 64, HEAD_MOST = 512, HEAD_COLUMNS = 256 };

/* A large vocabulary gets fewer rows, a small one no more than GEMM can use. */
static int head_rows(const struct shape *s)
{
    const int rows = HEAD_FLOATS / s->vocab;

    return rows < HEAD_LEAST ? HEAD_LEAST : rows > HEAD_MOST ? HEAD_MOST : rows;
}

static size_t head_floats(const struct shape *s, size_t rows)
{
    const size_t forward = (size_t)head_rows(s) * (size_t)s->vocab;
    const size_t backward = rows * (size_t)(s->vocab < HEAD_COLUMNS ? s->vocab : HEAD_COLUMNS);

    if (s->head != HEAD_LM)
        return 0;
    return backward > forward ? backward : forward;
}

/* Of the products of backward, whose columns are a layer's inputs. */
static size_t product_floats(const struct shape *s, size_t rows)
{
    return product_room(shape_widest(s), (int)rows);
}

/* Of attention for one thread, forward or backward. */
static size_t scratch_floats(const struct shape *s, int length, bool prefixes)
{
    const struct rows_heads heads = model_heads(s);
    const int group = s->heads / s->kv_heads;
    const size_t ahead = attention_scratch(attention_rows(group), group, s->head_dim, length);
    const size_t back =
        grad_attention_scratch(&heads, length, prefixes, model_view(s, 0).cap > 0.0f);

    return ahead > back ? ahead : back;
}

/* Rounded up so that every part starts on a vector's boundary. */
static size_t whole_rows(int n)
{
    return ((size_t)n + 15) / 16 * 16;
}

size_t activations_size(const struct shape *s, const struct train_options *options, int n)
{
    const int length = n < s->context ? n : s->context;
    const size_t rows = whole_rows(n);
    const struct kv_block_form form = key_store_form(s);
    struct block_plan plan;

    block_plan(&plan, s);
    /* Keys: twice, as every sequence rounds up to a block. */
    return sizeof(float) * (activations_rows_floats(s, &plan, options, rows) +
                            head_floats(s, rows) + product_floats(s, rows) +
                            scratch_floats(s, length, true) * (size_t)omp_get_max_threads()) +
           2 * (size_t)s->kv_heads * kv_block_count(n) * kv_block_size(&form) +
           rows * (3 * sizeof(int) + 3 * sizeof(float) + sizeof(struct softmax) +
                   sizeof(struct key_run) + sizeof(struct attention_strand) + 1);
}

size_t activations_keep(const struct shape *s, int n, int layers)
{
    struct block_plan plan;

    block_plan(&plan, s);
    return (size_t)layers * whole_rows(n) * plan.row_kept * sizeof(float);
}

enum err activations_new(struct activations **out, const struct shape *shape,
                         const struct train_options *options)
{
    struct activations *t = mem_new(1, sizeof *t);

    *out = NULL;
    t->shape = *shape;
    t->block = block_of(shape);
    block_plan(&t->plan, shape);
    t->options = *options;
    t->gradient = activations_rows_gradient(shape, options);
    t->fixed = -1;
    t->layer = mem_new((size_t)shape->layers, sizeof *t->layer);
    t->head_rows = head_rows(shape);
    t->room = options->room ? options->room : &t->own;
    *out = t;
    return OK;
}

void activations_free(struct activations *t)
{
    if (!t)
        return;
    train_room_fini(&t->own);
    free(t->layer);
    free(t->key_block);
    free(t->key_at);
    free(t->keys.run);
    free(t->keys.strand);
    free(t->pos);
    free(t->head_row);
    free(t->head_to);
    free(t->hit);
    free(t->square);
    free(t->mean_logit);
    free(t->mean_logprob);
    free(t->row);
    free(t);
}

/* ---- memory */

/* Numbers of a row that are no floats of the block. */
static void grow_lists(struct activations *t, size_t rows)
{
    t->pos = mem_grow(t->pos, rows, sizeof *t->pos);
    t->head_row = mem_grow(t->head_row, rows, sizeof *t->head_row);
    t->head_to = mem_grow(t->head_to, rows, sizeof *t->head_to);
    t->keys.run = mem_grow(t->keys.run, rows, sizeof *t->keys.run);
    t->keys.strand = mem_grow(t->keys.strand, rows, sizeof *t->keys.strand);
    t->hit = mem_grow(t->hit, rows, sizeof *t->hit);
    t->square = mem_grow(t->square, rows, sizeof *t->square);
    t->mean_logit = mem_grow(t->mean_logit, rows, sizeof *t->mean_logit);
    t->mean_logprob = mem_grow(t->mean_logprob, rows, sizeof *t->mean_logprob);
    t->row = mem_grow(t->row, rows, sizeof *t->row);
}

/* Where another model was here since, its rows are carved anew. */
static enum err grow(struct activations *t, int n)
{
    const size_t rows = whole_rows(n);

    if (n <= t->rows && t->room->user == t)
        return OK;
    if (n > t->rows) {
        grow_lists(t, rows);
        t->rows = (int)rows;
        t->again = activations_rows_again(&t->shape, &t->plan, &t->options, rows);
    }
    t->room->user = NULL;
    if (train_room_grow(
            t->room, TRAIN_ROWS,
            activations_rows_floats(&t->shape, &t->plan, &t->options, (size_t)t->rows),
            "activations"))
        return ERR_NOMEM;
    activations_rows_carve(t);
    t->room->user = t;
    return OK;
}

void activations_place(const struct activations *t, int i, float *act[ACTS])
{
    float *out = i + 1 < t->shape.layers ? t->layer[i + 1].act[ACT_IN] : t->out;

    for (int a = 0; a < ACTS; a++)
        act[a] = t->plan.train.at[a] == BLOCK_NOWHERE
                     ? t->layer[i].act[a]
                     : t->wide + (size_t)t->n * t->plan.train.at[a];
    act[ACT_OUT] = act[ACT_MLP] = out; /* branches are made where the sums will stand */
    act[ACT_ATTN] = act[ACT_MIDDLE];
}

/* ---- the batch */

/* Lengths, with what stands before a sequence. */
static enum err check_lengths(const struct shape *s, const struct batch *b)
{
    int trunk = 0; /* length of the sequence that the next ones may go on from */

    for (int i = 0; i < b->n_seq; i++) {
        const int own = b->seq[i + 1] - b->seq[i], prefix = b->n_prefix ? b->n_prefix[i] : 0;

        if (prefix < 0 || prefix > trunk)
            return err_set(ERR_RANGE, "batch: sequence %d goes on behind %d of %d tokens", i,
                           prefix, trunk);
        if (own <= 0 || own > s->context - prefix)
            return err_set(ERR_RANGE, "batch: sequence %d of %d tokens: not in 1..%d", i,
                           own + prefix, s->context);
        trunk = prefix ? trunk : own;
    }
    return OK;
}

/* All of it before memory: kernels index by these numbers and ask nothing. */
static enum err check(const struct shape *s, const struct batch *b)
{
    enum err err;

    if (b->n <= 0 || b->n_seq <= 0 || b->seq[0] != 0 || b->seq[b->n_seq] != b->n)
        return err_set(ERR_RANGE, "batch: %d tokens in %d sequences do not fit together", b->n,
                       b->n_seq);
    err = check_lengths(s, b);
    if (err)
        return err;
    for (int i = 0; i < b->n; i++)
        if (b->token[i] < 0 || b->token[i] >= s->vocab)
            return err_set(ERR_RANGE, "batch: token %d: not in 0..%d", b->token[i],
                           s->vocab - 1);
    return OK;
}

int activations_prefix(const struct activations *t, int seq)
{
    return t->batch->n_prefix ? t->batch->n_prefix[seq] : 0;
}

/* Keys that the last token of a sequence sees. */
static int length_of(const struct activations *t, int seq)
{
    return activations_prefix(t, seq) + t->batch->seq[seq + 1] - t->batch->seq[seq];
}

/* Where sequence `seq` finds its first tokens: in the nearest one before it without a prefix.
 */
static int trunk_of(const struct activations *t, int seq)
{
    while (activations_prefix(t, seq))
        seq--;
    return seq;
}

/* Tokens of the blocks that a sequence has from its trunk; it puts what stands behind them. */
static int borrowed(const struct activations *t, int seq)
{
    return activations_prefix(t, seq) / KV_BLOCK_TOKENS * KV_BLOCK_TOKENS;
}

/* Positions, and where each sequence's blocks are told; the length of the longest. */
static int lay_out(struct activations *t)
{
    const struct batch *b = t->batch;
    int longest = 0;

    t->key_blocks = 0;
    t->key_at = mem_grow(t->key_at, (size_t)b->n_seq + 1, sizeof *t->key_at);
    t->key_at[0] = 0;
    for (int i = 0; i < b->n_seq; i++) {
        const int from = b->seq[i], prefix = activations_prefix(t, i), length = length_of(t, i);

        t->key_at[i + 1] = t->key_at[i] + kv_block_count(length);
        t->key_blocks += kv_block_count(length - borrowed(t, i));
        longest = length > longest ? length : longest;
        for (int j = 0; j < b->seq[i + 1] - from; j++)
            t->pos[from + j] = prefix + j;
    }
    return longest;
}

/* Blocks [kv_heads] of 32 tokens each, of one sequence after another; then runs, which find them. */
static void open_runs(struct activations *t)
{
    const struct batch *b = t->batch;
    const int each = attention_rows(t->shape.heads / t->shape.kv_heads);
    const size_t page = (size_t)t->shape.kv_heads * t->keys.apart;
    char *next = (char *)t->key;

    t->keys.n_runs = 0;
    t->key_block = mem_grow(t->key_block, t->key_at[b->n_seq], sizeof *t->key_block);
    for (int i = 0; i < b->n_seq; i++) {
        const size_t trunk = t->key_at[trunk_of(t, i)], at = t->key_at[i];
        const size_t shared = kv_block_count(borrowed(t, i));

        for (size_t k = 0; k<t->key_at[i + 1] - at; k++, next += k> shared ? page : 0)
            t->key_block[at + k] = k < shared ? t->key_block[trunk + k] : next;
        for (int j = b->seq[i]; j < b->seq[i + 1]; j += each) {
            struct key_run *run =
                key_store_open(&t->keys, j, t->pos[j], (const char *const *)t->key_block + at);
            const int rows = b->seq[i + 1] - j;

            run->n = t->keys.strand[run->strand].rows = rows < each ? rows : each;
            run->length = t->pos[j] + run->n;
        }
    }
}

/* Keys and values of one sequence's kv head, but for what lies in blocks of its trunk. */
static void put_sequence(const struct activations *t, const float *qkv, int seq, int kv)
{
    const struct shape *s = &t->shape;
    const struct batch *b = t->batch;
    const int prefix = activations_prefix(t, seq), trunk = b->seq[trunk_of(t, seq)];
    const size_t dim = (size_t)s->head_dim, width = (size_t)block_width(s, ACT_QKV);
    char *const *block = t->key_block + t->key_at[seq];

    for (int j = borrowed(t, seq); j < length_of(t, seq); j++) {
        const int at = j < prefix ? trunk + j : b->seq[seq] + j - prefix;
        const float *key = qkv + (size_t)at * width + (size_t)(s->heads + kv) * dim;

        kv_block_put(&t->keys.form, block[j / KV_BLOCK_TOKENS] + (size_t)kv * t->keys.apart,
                     j % KV_BLOCK_TOKENS, key, key + (size_t)s->kv_heads * dim);
    }
}

/* struct key_store's: one layer's take the place of the last one's. */
static void put(struct key_store *store, int layer, const float *qkv)
{
    const struct activations *t = store->self;
    const int heads = t->shape.kv_heads, tasks = t->batch->n_seq * heads;

    (void)layer;
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < tasks; i++)
        put_sequence(t, qkv, i / heads, i % heads);
}

/* What the batch at hand needs beside its rows, wherever the room has it now. */
static enum err blocks(struct activations *t)
{
    const struct shape *s = &t->shape;
    struct train_part *const block = t->room->block;
    const size_t rows = (size_t)t->n;
    enum err err = train_room_grow(
        t->room, TRAIN_KEYS,
        t->key_blocks * (size_t)s->kv_heads * t->keys.apart / sizeof *t->key, "keys");

    if (!err)
        err = train_room_grow(t->room, TRAIN_PRODUCTS, product_floats(s, rows), "products");
    if (!err)
        err = train_room_grow(t->room, TRAIN_LOGITS, head_floats(s, rows), "logits");
    if (!err)
        err = train_room_grow(t->room, TRAIN_ATTENTION,
                              t->keys.scratch_each * (size_t)t->threads, "attention");
    t->key = block[TRAIN_KEYS].at;
    t->logits = block[TRAIN_LOGITS].at;
    t->keys.scratch = block[TRAIN_ATTENTION].at;
    t->product =
        (struct product_scratch){block[TRAIN_PRODUCTS].at, block[TRAIN_PRODUCTS].floats};
    if (!err)
        open_runs(t);
    return err;
}

enum err activations_begin(struct activations *t, const struct model *model,
                           const struct batch *batch)
{
    const struct shape *s = &t->shape;
    int longest;
    enum err err = check(s, batch);

    if (err)
        return err;
    err = grow(t, batch->n);
    if (err)
        return err;
    t->n = batch->n;
    t->batch = batch;
    t->scored = false;
    t->threads = omp_get_max_threads(); /* tests change it between batches */
    longest = lay_out(t);
    for (int i = 0; i <= model_two_angles(s); i++)
        model_angles(model, t->cos[i], t->sin[i], t->pos, t->n, i);
    t->keys.form = key_store_form(s);
    t->keys.kv_heads = s->kv_heads;
    t->keys.apart = kv_block_size(&t->keys.form);
    t->keys.put = put;
    t->keys.self = t;
    t->keys.threads = t->threads;
    t->keys.scratch_each = scratch_floats(s, longest, batch->n_prefix);
    return blocks(t);
}

enum err activations_branch(struct activations *t, size_t floats)
{
    const enum err err = train_room_grow(t->room, TRAIN_BRANCH, floats, "adapter");

    t->branch = t->room->block[TRAIN_BRANCH].at;
    return err;
}
