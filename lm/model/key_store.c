/* Attention of a pass: every (run, kv head) is one serial job of attention.h, and the jobs are
 * spread over threads. Which rows make a run is the caller's choice and changes no bit. Called
 * by block_forward for OP_ATTEND, after the store's own `put`. */

#include "lm/model/key_store.h"

#include "lm/kernel/share.h"

#include <omp.h>

struct kv_block_form key_store_form(const struct shape *shape)
{
    return (struct kv_block_form){.pairs = precision_halves(shape->compute),
                                  .head_dim = shape->head_dim};
}

/* Strands of all runs lie one after another; those of the last are the last. */
struct key_run *key_store_open(struct key_store *store, int from, int pos,
                               const char *const *block)
{
    struct key_run *run = &store->run[store->n_runs];
    const int strand = store->n_runs++ ? run[-1].strand + run[-1].strands : 0;

    store->strand[strand] = (struct attention_strand){.rows = 1, .pos = pos, .block = block};
    *run = (struct key_run){
        .from = from, .n = 1, .strand = strand, .strands = 1, .length = pos + 1};
    return run;
}

/* Multiply-adds, about: both chains over the keys that each row sees. */
static size_t worth(const struct key_store *store, const struct rows_heads *heads, int window)
{
    size_t keys = 0;

    for (int r = 0; r < store->n_runs; r++) {
        const struct key_run *run = &store->run[r];

        for (int s = run->strand; s < run->strand + run->strands; s++) {
            const int rows = store->strand[s].rows, seen = store->strand[s].pos + rows / 2 + 8;

            keys += (size_t)rows * (size_t)(window && seen > window + 8 ? window + 8 : seen);
        }
    }
    return 2 * keys * (size_t)heads->heads * (size_t)heads->head_dim;
}

void key_store_attend(const struct key_store *store, const struct rows_heads *heads,
                      const struct key_view *view, const float *qkv, float *out)
{
    const int group = heads->heads / heads->kv_heads, max = omp_get_max_threads();
    const int threads = max < store->threads ? max : store->threads;
    const size_t dim = (size_t)heads->head_dim, wide = (size_t)group * dim;
    const size_t ldo = (size_t)heads->heads * dim, kv = (size_t)heads->kv_heads * dim;
    const size_t ldq = ldo + 2 * kv;
    /* Dynamic: late rows of a long sequence see many more keys than early ones. */
    const size_t work = worth(store, heads, view->window);

#pragma omp parallel for schedule(dynamic) collapse(2) \
    num_threads(threads) if (share_worth(work))
    for (int r = 0; r < store->n_runs; r++)
        for (int h = 0; h < heads->kv_heads; h++) {
            const struct key_run *run = &store->run[r];
            const size_t row = (size_t)run->from, head = (size_t)h * wide;
            const struct attention job = {
                .q = qkv + row * ldq + head,
                .values = qkv + row * ldq + ldo + kv + (size_t)h * dim,
                .out = out + row * ldo + head,
                .ldq = ldq,
                .ldv = ldq,
                .ldo = ldo,
                .strand = store->strand + run->strand,
                .strands = run->strands,
                .common = run->common,
                .form = store->form,
                .at = store->at + (size_t)h * store->apart,
                .group = group,
                .window = view->window,
                .cap = view->cap,
                .scratch = store->scratch + (size_t)omp_get_thread_num() * store->scratch_each,
            };

            attention_run(&job);
        }
}
