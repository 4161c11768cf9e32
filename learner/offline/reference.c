/* One table a corpus, of log-probabilities by token, NAN where there is none yet.
 * reference_prepare fills in what the run will ask for and writes the table now and then, under
 * a name that is the hash of weights and data: what was made once is read by whoever has the
 * same of both. A live reference has no table; it is a second set of compute weights which goes
 * through the model in training, whose activations are lost by that. So it is asked before the
 * policy's forward pass (filler). */
#include "learner/offline/reference.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/spool.h"
#include "learner/corpus/corpus_pack.h"
#include "learner/run/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TABLES = 2, SAVE_MS = 120000, SAY_MS = 5000 };

/* Of one corpus, made beforehand; NAN: not yet. */
struct reference_table {
    const struct corpus *corpus;
    size_t tokens;
    struct spool *spool; /* where logprob lies: as large as the corpus' tokens */
    float *logprob;      /* [tokens] */
    double *mismatched;  /* [corpus->n]; NULL without partners */
};

struct reference {
    struct reference_conf conf;
    char *folder;
    struct hash start; /* of the start weights */
    struct ref_model *live;
    int tables;
    struct reference_table table[TABLES];
};

enum err reference_new(struct reference **out, const struct reference_conf *conf,
                       const struct trainable *step)
{
    struct reference *r = mem_new(1, sizeof(*r));
    enum err err = OK;

    *out = NULL;
    r->conf = *conf;
    r->folder = conf->folder ? mem_text(conf->folder) : NULL;
    if (conf->live) {
        err = ref_model_new(&r->live, &conf->follow, step);
    } else {
        size_t bytes;
        /* The image, not the parameters: it is what computes the figures, adapters merged. */
        const float *image = trainable_image(step, &bytes);
        r->start = packed_hash(image, bytes);
    }
    if (err)
        reference_free(r);
    else
        *out = r;
    return err;
}

void reference_free(struct reference *r)
{
    if (!r)
        return;
    for (int i = 0; i < r->tables; i++) {
        spool_free(r->table[i].spool);
        free(r->table[i].mismatched);
    }
    ref_model_free(r->live);
    free(r->folder);
    free(r);
}

void reference_sums(const struct micro_batch *b, const float *logprob, double *sum)
{
    for (int s = 0; s < b->batch.n_seq; s++) {
        sum[s] = 0;
        for (int i = b->seq[s]; i < b->seq[s + 1]; i++)
            sum[s] += b->learn[i] == 1 ? (double)logprob[i] : 0;
    }
}

/* FOLDER/HASH.ref: figures of these weights on these records. */
static char *table_path(const struct reference *r, const struct reference_table *t)
{
    const struct hash both[] = {r->start, corpus_hash(t->corpus)};
    const struct hash name = hash_of(both, sizeof(both));
    char text[HASH_TEXT];

    return mem_print("%s/%s.ref", r->folder, hash_text(text, &name));
}

static int table_blocks(struct reference_table *t, struct checkpoint_block *block)
{
    block[0] =
        (struct checkpoint_block){"logprob", t->logprob, t->tokens * sizeof(*t->logprob)};
    block[1] = (struct checkpoint_block){"mismatched", t->mismatched,
                                         t->corpus->n * sizeof(*t->mismatched)};
    return t->mismatched ? 2 : 1;
}

static enum err table_save(const struct reference *r, struct reference_table *t)
{
    struct checkpoint_block block[2];
    json_t *meta;
    char *path;
    enum err err;

    if (!r->folder)
        return OK;
    path = table_path(r, t);
    meta = json_pack("{s:s}", "what", "reference log-probabilities");
    err = fs_mkdir(r->folder);
    if (!err)
        err = checkpoint_write(path, meta, block, table_blocks(t, block));
    json_decref(meta);
    free(path);
    return err;
}

/* What another run left, if it is whole. */
static void table_load(const struct reference *r, struct reference_table *t)
{
    struct checkpoint_block block[2];
    char *path;

    if (!r->folder)
        return;
    path = table_path(r, t);
    /* A table that is damaged is made again: it can be, so nobody need be bothered. */
    if (fs_exists(path) && checkpoint_read(path, block, table_blocks(t, block)))
        log_warn("reference", "%s; made anew", err_text());
    free(path);
}

static enum err table_new(struct reference *r, const struct corpus *corpus,
                          struct reference_table **out)
{
    struct reference_table *t = &r->table[r->tables];
    enum err err;

    *t = (struct reference_table){.corpus = corpus};
    t->tokens = corpus->seq[corpus->n * (size_t)corpus->group];
    t->spool = spool_new(r->folder, CORPUS_MEMORY, "the reference's log-probabilities");
    r->tables++;
    err = spool_room(t->spool, (t->tokens + 1) * sizeof(float), &t->logprob);
    if (err)
        return err;
    for (size_t i = 0; i < t->tokens; i++) {
        t->logprob[i] = NAN;
        spool_seen(t->spool, sizeof(float));
    }
    if (corpus->partner) {
        t->mismatched = mem_new(corpus->n, sizeof(*t->mismatched));
        for (size_t i = 0; i < corpus->n; i++)
            t->mismatched[i] = (double)NAN;
    }
    table_load(r, t);
    *out = t;
    return OK;
}

/* The first token stands for the record: its figures are made together. */
static bool lacks(const struct reference_table *t, size_t record)
{
    const size_t at = t->corpus->seq[record * (size_t)t->corpus->group];

    return isnan(t->logprob[at]) || (t->mismatched && isnan(t->mismatched[record]));
}

/* Makes the figures of n records, in the room of the batch's own log-probabilities. */
static enum err table_make(struct reference_table *t, struct trainable *step,
                           const uint32_t *record, size_t n, struct micro_batch *batch)
{
    const struct corpus *c = t->corpus;
    const size_t group = (size_t)c->group;
    const float *from;
    enum err err = corpus_pack(c, record, n, 0, batch);

    if (!err)
        err = trainable_score(step, trainable_model(step), &batch->batch, 1, batch->logprob);
    from = batch->logprob;
    for (size_t i = 0; i < n && !err; i++) {
        memcpy(t->logprob + c->seq[record[i] * group], from,
               c->length[record[i]] * sizeof(*from));
        spool_seen(t->spool, c->length[record[i]] * sizeof(*from) + SPOOL_PAGES);
        from += c->length[record[i]];
    }
    if (err || !t->mismatched)
        return err;
    err = corpus_pack_mismatched(c, record, n, batch);
    if (!err)
        err = trainable_score(step, trainable_model(step), &batch->batch, 1, batch->logprob);
    if (!err) {
        double *sum = mem_new(n, sizeof(*sum));
        reference_sums(batch, batch->logprob, sum);
        for (size_t i = 0; i < n; i++)
            t->mismatched[record[i]] = sum[i];
        free(sum);
    }
    return err;
}

/* What a table from disk already has is not made again. */
static size_t list_missing(const struct reference_table *t, const uint8_t *needed,
                           uint32_t *record)
{
    size_t n = 0;

    for (size_t i = 0; i < t->corpus->n; i++)
        if ((!needed || needed[i]) && lacks(t, i))
            record[n++] = (uint32_t)i;
    return n;
}

enum err reference_prepare(struct reference *r, struct trainable *step,
                           const struct corpus *corpus, const uint8_t *needed,
                           void (*say)(size_t, size_t))
{
    int64_t saved = clock_mono_ms(), said = saved;
    struct micro_batch batch = {.room = 0};
    struct reference_table *t = NULL;
    uint32_t *record;
    size_t n;
    enum err err;

    if (r->conf.live)
        return OK;
    err = r->tables < TABLES ? table_new(r, corpus, &t)
                             : err_set(ERR_STATE, "reference: too many data sets");
    if (err)
        return err;
    record = mem_new(corpus->n, sizeof(*record));
    n = list_missing(t, needed, record);
    for (size_t at = 0; at < n && !err; at += (size_t)r->conf.batch) {
        const size_t many = n - at < (size_t)r->conf.batch ? n - at : (size_t)r->conf.batch;
        const int64_t now = clock_mono_ms();
        err = table_make(t, step, record + at, many, &batch);
        if (!err && say && now - said >= SAY_MS) {
            say(at + many, n);
            said = now;
        }
        /* Hours of passes over a large set: a kill costs two minutes of them. */
        if (!err && now - saved >= SAVE_MS) {
            err = table_save(r, t);
            saved = now;
        }
    }
    if (!err && n)
        err = table_save(r, t);
    micro_batch_free(&batch);
    free(record);
    return err;
}

static const struct reference_table *table_of(const struct reference *r,
                                              const struct corpus *corpus)
{
    for (int i = 0; i < r->tables; i++)
        if (r->table[i].corpus == corpus)
            return &r->table[i];
    return NULL;
}

enum err reference_take(struct reference *r, struct trainable *step,
                        const struct corpus *corpus, const uint32_t *record, size_t n,
                        struct micro_batch *batch)
{
    const struct reference_table *t = table_of(r, corpus);
    float *logprob = batch->column[MICRO_BATCH_REFERENCE];

    if (r->conf.live)
        return trainable_score(step, ref_model_model(r->live), &batch->batch, 1, logprob);
    if (!t)
        return err_set(ERR_STATE, "reference: this data set was not prepared");
    for (size_t i = 0; i < n; i++) {
        if (lacks(t, record[i]))
            return err_set(ERR_STATE, "reference: record %u was not prepared", record[i]);
        memcpy(logprob, t->logprob + corpus->seq[record[i] * (size_t)corpus->group],
               corpus->length[record[i]] * sizeof(*logprob));
        spool_seen(t->spool, corpus->length[record[i]] * sizeof(*logprob) + SPOOL_PAGES);
        logprob += corpus->length[record[i]];
    }
    return OK;
}

enum err reference_mismatched(struct reference *r, struct trainable *step,
                              const struct corpus *corpus, const uint32_t *record, size_t n,
                              struct micro_batch *batch, double *sum)
{
    const struct reference_table *t = table_of(r, corpus);
    enum err err;

    if (!r->conf.live) {
        if (!t || !t->mismatched)
            return err_set(ERR_STATE, "reference: this data set was not prepared");
        for (size_t i = 0; i < n; i++)
            sum[i] = t->mismatched[record[i]];
        return OK;
    }
    err = trainable_score(step, ref_model_model(r->live), &batch->batch, 1, batch->logprob);
    if (!err)
        reference_sums(batch, batch->logprob, sum);
    return err;
}

void reference_follow(struct reference *r, const struct trainable *step)
{
    if (r->live)
        ref_model_sync(r->live, step);
}

float *reference_weights(struct reference *r, size_t *floats)
{
    *floats = 0;
    return r && r->conf.follow.every ? ref_model_weights(r->live, floats) : NULL;
}
