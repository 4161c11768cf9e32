/* The offline half of optimizer_step.h's seam: fill, complete and look, over rows of a corpus.
 *
 * A row is a record, or several that packing has put together (corpus_bins.h); micro-batch i of a
 * step holds rows [i * each, (i + 1) * each). A reference is asked before the policy's forward
 * pass, in `complete`: a live one goes through the same activations, which then are lost. So does
 * KTO's estimate of its distance, ln pi/ref of another record's answer to the same prompt, which
 * has no slope and is therefore a pass of its own. */
#include "learner/offline/filler.h"

#include "base/mem.h"
#include "learner/corpus/corpus_bins.h"
#include "learner/corpus/corpus_pack.h"

#include <stdlib.h>

void filler_init(struct filler *f)
{
    f->record = mem_new(f->corpus->n, sizeof *f->record);
}

void filler_free(struct filler *f)
{
    micro_batch_free(&f->batch);
    micro_batch_free(&f->other);
    free(f->record);
    f->record = NULL;
}

/* Only what somebody will fill: an objective takes a column that is there for one that means
 * something. */
static unsigned columns_of(const struct filler *f)
{
    const struct objective *const o = f->objective;
    const bool baseline = o->kl_baseline && f->corpus->partner;

    return 1u << MICRO_BATCH_SEEN |
           (f->reference && o->reference ? 1u << MICRO_BATCH_REFERENCE : 0) |
           (f->reference && baseline ? 1u << MICRO_BATCH_KL_BASELINE : 0);
}

static enum err fill(void *self, size_t i, struct micro_batch *out)
{
    struct filler *const f = self;
    const size_t at = i * f->each, left = f->n_row - at;

    /* The last micro-batch may be short. */
    f->n = corpus_bins_take(f->corpus, f->row + at, left < f->each ? left : f->each, f->record);
    return corpus_pack(f->corpus, f->record, f->n, columns_of(f), out);
}

/* ln pi/ref of the answers that belong to other prompts. */
static enum err kl_baseline(struct filler *f, float *out)
{
    double *sum = mem_new(2 * f->n, sizeof(*sum));
    enum err err = corpus_pack_mismatched(f->corpus, f->record, f->n, &f->other);

    if (!err)
        err = trainable_score(f->model, trainable_model(f->model), &f->other.batch, 1,
                              f->other.logprob);
    if (!err) {
        reference_sums(&f->other, f->other.logprob, sum);
        err = reference_mismatched(f->reference, f->model, f->corpus, f->record, f->n,
                                   &f->other, sum + f->n);
    }
    for (size_t i = 0; i < f->n && !err; i++)
        out[i] = (float)(sum[i] - sum[f->n + i]);
    free(sum);
    return err;
}

static enum err complete(void *self, size_t i, struct micro_batch *batch)
{
    struct filler *const f = self;
    enum err err = OK;

    (void)i;
    /* Between micro-batches, so that a signal waits for one pass and not for a whole step. */
    f->stopped = f->stop && f->stop();
    if (f->stopped)
        return err_set(ERR_STATE, "stopped");
    if (batch->column[MICRO_BATCH_KL_BASELINE])
        err = kl_baseline(f, batch->column[MICRO_BATCH_KL_BASELINE]);
    if (!err && batch->column[MICRO_BATCH_REFERENCE])
        err = reference_take(f->reference, f->model, f->corpus, f->record, f->n, batch);
    return err;
}

static void look(void *self, size_t i, struct micro_batch *batch, int model, bool *go)
{
    struct filler *const f = self;

    (void)i, (void)model, (void)go;
    if (f->see)
        f->see(f->self, f->corpus, &batch->in, f->record, f->n);
}

struct optimizer_step filler_step(struct filler *f)
{
    return (struct optimizer_step){
        .model[0] = {.model = f->model,
                     .pass = {.objective = f->objective, .conf = f->conf, .temperature = 1}},
        .n = (f->n_row + f->each - 1) / f->each,
        .self = f,
        .fill = fill,
        .complete = complete,
        .look = look,
        .batch = &f->batch};
}
