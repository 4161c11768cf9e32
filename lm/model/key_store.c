/* Attention of a pass: every (run, kv head) is one serial job of attention.h, and the jobs are
 * spread over threads. Which rows make a run is the caller's choice and changes no bit. Called
 * by block_forward for OP_ATTEND, after the store's own `put`. */

#include "lm/model/key_store.h"

#include "lm/kernel/attention.h"
#include "lm/kernel/share.h"

#include <omp.h>

/* Multiply-adds, about: both chains over the keys that each row sees. */
static size_t worth(const struct key_store *store, const struct rows_heads *heads, int window)
{
    size_t keys = 0;

    for (int r = 0; r < store->n_runs; r++) {
        const int seen = store->run[r].pos + store->run[r].n / 2 + 8;

        keys +=
            (size_t)store->run[r].n * (size_t)(window && seen > window + 8 ? window + 8 : seen);
    }
    return 2 * keys * (size_t)heads->heads * (size_t)heads->head_dim;
}

void key_store_attend(const struct key_store *store, const struct rows_heads *heads,
                      const struct key_view *view, const float *qkv, float *out)
{
    const int group = heads->heads / heads->kv_heads, max = omp_get_max_threads();
    const int threads = max < store->threads ? max : store->threads;
    const size_t dim = (size_t)heads->head_dim, wide = (size_t)group * dim;
    const size_t ldo = (size_t)heads->heads * dim,
                 ldq = ldo + 2 * (size_t)heads->kv_heads * dim;
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
                .ldq = ldq,
                .keys = run->keys + (size_t)h * run->apart,
                .values = run->values + (size_t)h * run->values_apart,
                .ldv = run->ldv,
                .out = out + row * ldo + head,
                .ldo = ldo,
                .pos = run->pos,
                .rows = run->n,
                .group = group,
                .head_dim = heads->head_dim,
                .window = view->window,
                .cap = view->cap,
                .scratch = store->scratch + (size_t)omp_get_thread_num() * store->scratch_each,
            };

            attention_run(&job);
        }
}
