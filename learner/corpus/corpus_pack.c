#include "learner/corpus/corpus_bins.h"

#include "base/mem.h"

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

void corpus_pack_free(struct packed *packed)
{
    free(packed->token);
    free(packed->seq);
    free(packed->stem);
    free(packed->learn);
    free(packed->margin);
    free(packed->weight);
    free(packed->soft);
    free(packed->label);
    free(packed->target);
    *packed = (struct packed){0};
}

static void pack_room(const struct corpus *c, size_t tokens, size_t seqs, struct packed *out)
{
    if (tokens > out->room) {
        out->room = tokens;
        out->token = mem_grow(out->token, tokens, sizeof(*out->token));
        out->learn = mem_grow(out->learn, tokens, 1);
        if (c->target)
            out->target = mem_grow(out->target, tokens, sizeof(*out->target));
    }
    if (seqs + 1 <= out->room_seq)
        return;
    out->room_seq = seqs + 1;
    out->seq = mem_grow(out->seq, seqs + 1, sizeof(*out->seq));
    out->stem = mem_grow(out->stem, seqs + 1, sizeof(*out->stem));
    if (c->margin)
        out->margin = mem_grow(out->margin, seqs + 1, sizeof(*out->margin));
    if (c->weight)
        out->weight = mem_grow(out->weight, seqs + 1, sizeof(*out->weight));
    if (c->soft)
        out->soft = mem_grow(out->soft, seqs + 1, sizeof(*out->soft));
    if (c->label)
        out->label = mem_grow(out->label, seqs + 1, sizeof(*out->label));
}

/* What belongs to the whole record goes to each of its sequences. */
static void pack_said(const struct corpus *c, uint32_t record, int seq, struct packed *out)
{
    if (c->margin)
        out->margin[seq] = c->margin[record];
    if (c->weight)
        out->weight[seq] = c->weight[record];
    if (c->soft)
        out->soft[seq] = c->soft[record];
    if (c->label)
        out->label[seq] = c->label[record];
}

void corpus_pack(const struct corpus *c, const uint32_t *record, size_t n, struct packed *out)
{
    const size_t group = (size_t)c->group;
    size_t tokens = 0;
    int at = 0, seqs = 0;

    for (size_t i = 0; i < n; i++)
        tokens += c->length[record[i]];
    pack_room(c, tokens, n * group, out);
    out->tokens = (int64_t)tokens;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < group; k++) {
            const size_t from = c->seq[record[i] * group + k];
            const size_t count = c->seq[record[i] * group + k + 1] - from;
            memcpy(out->token + at, c->token + from, count * sizeof(*out->token));
            memcpy(out->learn + at, c->learn + from, count);
            if (c->target)
                memcpy(out->target + at, c->target + from, count * sizeof(*out->target));
            pack_said(c, record[i], seqs, out);
            out->stem[seqs] = k && c->stem ? (int)c->stem[record[i]] : 0;
            out->tokens += out->stem[seqs];
            out->seq[seqs++] = at;
            at += (int)count;
        }
    out->seq[seqs] = at;
    out->batch = (struct batch){.n = at,
                                .n_seq = seqs,
                                .token = out->token,
                                .seq = out->seq,
                                .n_prefix = c->stem ? out->stem : NULL,
                                .wanted = out->learn};
}

void corpus_pack_mismatched(const struct corpus *c, const uint32_t *record, size_t n,
                            struct packed *out)
{
    size_t tokens = 0, prompt, from;
    int at = 0;

    for (size_t i = 0; i < n; i++)
        tokens += mismatched(c, record[i], &prompt, &from);
    pack_room(c, tokens, n, out);
    out->tokens = (int64_t)tokens;
    for (size_t i = 0; i < n; i++) {
        const size_t count = mismatched(c, record[i], &prompt, &from);
        memcpy(out->token + at, c->token + c->seq[record[i]], prompt * sizeof(*out->token));
        memcpy(out->token + at + prompt, c->whole.token + from,
               (count - prompt) * sizeof(*out->token));
        memset(out->learn + at, 0, prompt);
        memcpy(out->learn + at + prompt, c->whole.learn + from, count - prompt);
        out->learn[at] = 0;
        out->seq[i] = at;
        at += (int)count;
    }
    out->seq[n] = at;
    out->batch = (struct batch){
        .n = at, .n_seq = (int)n, .token = out->token, .seq = out->seq, .wanted = out->learn};
}
