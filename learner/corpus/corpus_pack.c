/* How a corpus' records become a micro-batch: the one place where offline methods fill columns.
 * A record's sequences go in side by side, a pair's second behind the prompt that it shares. The
 * order of records, and which of them belong together, is the caller's. */
#include "learner/corpus/corpus_pack.h"

#include "base/mem.h"
#include "learner/corpus/corpus_bins.h"

#include <stdlib.h>
#include <string.h>

static int falling(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* The sum of the `batch` largest of length [n], which is put out of order. */
static size_t largest(uint32_t *length, size_t n, size_t batch)
{
    size_t sum = 0;

    qsort(length, n, sizeof(*length), falling);
    for (size_t i = 0; i < batch && i < n; i++)
        sum += length[i];
    return sum;
}

/* Tokens of a record's prompt with its partner's answer, which begins at *from. */
static size_t mismatched(const struct corpus *c, size_t record, size_t *prompt, size_t *from)
{
    const size_t other = c->partner[record];
    size_t answer = c->whole.at[other + 1] - c->whole.at[other];

    *prompt = c->whole.prompt[record];
    *from = c->whole.at[other];
    if (c->longest && *prompt + answer > (size_t)c->longest)
        answer = (size_t)c->longest > *prompt ? (size_t)c->longest - *prompt : 0;
    return *prompt + answer;
}

size_t corpus_pack_most(const struct corpus *c, size_t batch)
{
    const size_t rows = corpus_bins_rows(c);
    uint32_t *length = mem_new(c->n, sizeof(*length));
    size_t sum, other = 0;

    /* An upper bound for any order of the rows: the memory plan must hold for every epoch. */
    memcpy(length, corpus_bins_length(c), rows * sizeof(*length));
    sum = largest(length, rows, batch);
    if (c->partner) {
        for (size_t i = 0; i < c->n; i++) {
            size_t prompt, from;
            length[i] = (uint32_t)mismatched(c, i, &prompt, &from);
        }
        other = largest(length, c->n, batch);
    }
    free(length);
    return sum > other ? sum : other;
}

/* The columns that a corpus has something for. */
static unsigned columns_of(const struct corpus *c)
{
    const struct {
        const void *array;
        unsigned column;
    } row[] = {{c->target, MICRO_BATCH_TARGET},
               {c->weight, MICRO_BATCH_WEIGHT},
               {c->margin, MICRO_BATCH_MARGIN},
               {c->soft, MICRO_BATCH_SOFT},
               {c->label, MICRO_BATCH_LABEL}};
    unsigned columns = 0;

    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        columns |= row[i].array ? 1u << row[i].column : 0;
    return columns;
}

/* What belongs to the whole record goes to each of its sequences. */
static void put_said(const struct corpus *c, uint32_t record, int seq, struct micro_batch *out)
{
    if (c->margin)
        out->column[MICRO_BATCH_MARGIN][seq] = c->margin[record];
    if (c->weight)
        out->column[MICRO_BATCH_WEIGHT][seq] = c->weight[record];
    if (c->soft)
        out->column[MICRO_BATCH_SOFT][seq] = c->soft[record];
    if (c->label)
        out->label[seq] = c->label[record];
}

/* The second answer of a pair goes on behind the prompt of the first, where the corpus has
 * kept it once. */
static void put(const struct corpus *c, uint32_t record, size_t which, struct micro_batch *out)
{
    const size_t k = record * (size_t)c->group + which;
    const size_t from = c->seq[k], n = c->seq[k + 1] - from;
    const int seq = micro_batch_sequence(
        out, which && c->shared_prefix ? (int)c->shared_prefix[record] : 0);
    const int at = micro_batch_tokens(out, c->token + from, c->learn + from, n);

    corpus_seen(c, n);

    put_said(c, record, seq, out);
    if (c->target)
        memcpy(out->column[MICRO_BATCH_TARGET] + at, c->target + from, n * sizeof *c->target);
}

enum err corpus_pack(const struct corpus *c, const uint32_t *record, size_t n, unsigned columns,
                     struct micro_batch *out)
{
    size_t tokens = 0;
    enum err err;

    for (size_t i = 0; i < n; i++)
        tokens += c->length[record[i]];
    err = micro_batch_begin(out, columns_of(c) | columns, tokens, n * (size_t)c->group);
    for (size_t i = 0; i < n && !err; i++)
        for (size_t k = 0; k < (size_t)c->group; k++)
            put(c, record[i], k, out);
    if (!err)
        micro_batch_end(out);
    return err;
}

enum err corpus_pack_mismatched(const struct corpus *c, const uint32_t *record, size_t n,
                                struct micro_batch *out)
{
    size_t tokens = 0, prompt, from;
    enum err err;

    for (size_t i = 0; i < n; i++)
        tokens += mismatched(c, record[i], &prompt, &from);
    err = micro_batch_begin(out, columns_of(c), tokens, n);
    for (size_t i = 0; i < n && !err; i++) {
        const size_t answer = mismatched(c, record[i], &prompt, &from) - prompt;
        micro_batch_sequence(out, 0);
        micro_batch_tokens(out, c->token + c->seq[record[i]], NULL, prompt);
        corpus_seen(c, prompt);
        micro_batch_tokens(out, c->whole.token + from, c->whole.learn + from, answer);
        if (!prompt && answer) /* a first token is never learnt */
            out->learn[out->seq[i]] = 0;
    }
    if (!err)
        micro_batch_end(out);
    return err;
}
