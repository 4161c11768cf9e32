#include "learner/corpus/corpus_bins.h"

#include "base/mem.h"
#include "data/dialogue.h"
#include "data/example.h"
#include "lm/text/reading.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

void corpus_free(struct corpus *corpus)
{
    if (!corpus)
        return;
    free(corpus->seq);
    free(corpus->token);
    free(corpus->learn);
    free(corpus->margin);
    free(corpus->weight);
    free(corpus->soft);
    free(corpus->label);
    free(corpus->stem);
    free(corpus->partner);
    free(corpus->whole.at);
    free(corpus->whole.token);
    free(corpus->whole.learn);
    free(corpus->whole.prompt);
    free(corpus->rows.at);
    free(corpus->rows.record);
    free(corpus->rows.length);
    free(corpus->length);
    free(corpus->target);
    free(corpus->owner);
    free(corpus);
}

/* Room for one more record and `tokens` more tokens; the size follows the input. */
static enum err room(struct corpus *c, size_t tokens)
{
    const size_t have = c->seq ? c->seq[c->n * (size_t)c->group] : 0;

    if (c->n == c->room_records) {
        const size_t n = c->room_records ? 2 * c->room_records : 256;
        c->seq = mem_grow(c->seq, n * (size_t)c->group + 1, sizeof(*c->seq));
        c->length = mem_grow(c->length, n, sizeof(*c->length));
        c->margin = mem_grow(c->margin, n, sizeof(*c->margin));
        c->weight = mem_grow(c->weight, n, sizeof(*c->weight));
        c->soft = mem_grow(c->soft, n, sizeof(*c->soft));
        c->label = mem_grow(c->label, n, sizeof(*c->label));
        c->stem = mem_grow(c->stem, n, sizeof(*c->stem));
        c->seq[0] = 0;
        c->room_records = n;
    }
    if (have + tokens > c->room_tokens) {
        const size_t n = 2 * (have + tokens) + 4096;
        int *token = realloc(c->token, n * sizeof(*token));
        uint8_t *learn;
        if (token)
            c->token = token;
        learn = token ? realloc(c->learn, n) : NULL;
        if (!learn)
            return err_set(ERR_NOMEM, "no memory for %zu tokens of the data set", n);
        c->learn = learn;
        c->room_tokens = n;
    }
    return OK;
}

enum err corpus_append(struct corpus *c, int which, const int *ids, size_t n,
                       const uint8_t *learn, bool marked)
{
    const size_t index = c->n * (size_t)c->group + (size_t)which;
    enum err err = OK;
    size_t at;

    if (!which)
        err = room(c, n);
    else if (c->seq[index] + n > c->room_tokens)
        err = room(c, c->seq[index] - c->seq[index - 1] + n);
    if (err)
        return err;
    if (!which) {
        c->margin[c->n] = 0;
        c->weight[c->n] = c->soft[c->n] = 1;
        c->label[c->n] = -1;
        c->stem[c->n] = 0;
    }
    at = c->seq[index];
    memcpy(c->token + at, ids, n * sizeof(*ids));
    for (size_t i = 0; i < n; i++)
        c->learn[at + i] = i || marked ? (learn ? learn[i] : 1) : 0;
    c->seq[index + 1] = at + n;
    return OK;
}

void corpus_close(struct corpus *c)
{
    const size_t first = c->n * (size_t)c->group;

    c->length[c->n++] = (uint32_t)(c->seq[first + (size_t)c->group] - c->seq[first]);
}

/* Drops arrays that say nothing. */
static void trim(struct corpus *c)
{
    bool margin = false, weight = false, soft = false, label = false, stem = false;

    for (size_t i = 0; i < c->n; i++) {
        margin = margin || c->margin[i] != 0;
        weight = weight || c->weight[i] != 1;
        soft = soft || c->soft[i] != 1;
        label = label || c->label[i] >= 0;
        stem = stem || c->stem[i];
    }
    for (int i = 0; i < 5; i++) {
        void **const array[] = {(void **)&c->margin, (void **)&c->weight, (void **)&c->soft,
                                (void **)&c->label, (void **)&c->stem};
        const bool used[] = {margin, weight, soft, label, stem};
        if (!used[i]) {
            free(*array[i]);
            *array[i] = NULL;
        }
    }
}

enum err corpus_end(struct corpus *c, const struct dataset *set, const struct corpus_rule *rule,
                    const char *what)
{
    c->skipped += set->skipped;
    if (!c->n)
        return err_set(ERR_RANGE,
                       "%s: none of %zu records can be used: %zu longer than %d tokens "
                       "(max_length, or the model's context) or with nothing to learn, %zu bad",
                       what, set->n, c->dropped, rule->max_length, c->skipped);
    trim(c);
    return OK;
}

/* learn [n] out: tokens that touch a span of bytes. Byte-level tokens are their bytes. */
static void mark(const struct tokenizer *tokenizer, const int *ids, size_t n,
                 const size_t *span, size_t spans, uint8_t *learn)
{
    size_t at = 0, k = 0;

    for (size_t i = 0; i < n; i++) {
        size_t bytes;
        tokenizer_piece(tokenizer, ids[i], &bytes);
        while (k < spans && span[2 * k + 1] <= at)
            k++;
        learn[i] = k < spans && at + bytes > span[2 * k];
        at += bytes;
    }
}

enum err corpus_said(const struct corpus_rule *rule, const json_t *messages,
                     const json_t *tools, uint8_t *learn, size_t n)
{
    char *text = NULL;
    size_t *span = NULL, spans = 0, bytes, count = 0;
    int *ids = NULL;
    enum err err = chat_render(rule->encode.chat, messages, tools, rule->encode.date, false,
                               &text, &bytes, &span, &spans);

    if (!err)
        err = tokenizer_encode(rule->encode.tokenizer, text, bytes, true, &ids, &count);
    if (!err && count == n)
        mark(rule->encode.tokenizer, ids, n, span, spans, learn);
    if (!err && (!spans || count != n))
        err = err_set(ERR_PARSE, "no assistant turn");
    free(text);
    free(span);
    free(ids);
    return err;
}

static enum err ids_of(const struct example *e, int vocab, struct encoded *out)
{
    const size_t n = json_array_size(e->text);

    out->ids = mem_new(n, sizeof(*out->ids));
    out->n = (int)n;
    for (size_t i = 0; i < n; i++) {
        const json_int_t id = json_integer_value(json_array_get(e->text, i));
        if (id < 0 || id >= vocab)
            return err_set(ERR_RANGE, "'input_ids'[%zu]: %lld is not below the vocabulary's %d",
                           i, (long long)id, vocab);
        out->ids[i] = (int)id;
    }
    return OK;
}

static enum err encode_one(const struct corpus_rule *rule, const struct example *e,
                           struct encoded *out)
{
    json_t *last;
    enum err err;

    if (e->kind == EXAMPLE_TOKENS)
        return ids_of(e, rule->vocab, out);
    last = reading_ended(e->kind == EXAMPLE_COMPLETION ? e->completion : e->text, rule->eos);
    if (e->kind == EXAMPLE_COMPLETION)
        err = encode_pair(&rule->encode, e->prompt, last, e->tools, out);
    else
        err = encode_whole(&rule->encode, last, e->tools, out);
    json_decref(last);
    return err;
}

/* learn [n] out: completion and assistant masks, both must agree. */
static enum err masks(const struct corpus_rule *rule, const struct example *e,
                      const struct encoded *ids, uint8_t *learn)
{
    const bool completion = rule->completion_only != 0;
    uint8_t *said;
    json_t *all;
    enum err err;

    for (int i = 0; i < ids->n; i++) {
        learn[i] = 1;
        if (completion && e->kind == EXAMPLE_COMPLETION)
            learn[i] = i >= ids->start;
        if (completion && e->mask)
            learn[i] = json_integer_value(json_array_get(e->mask, (size_t)i)) != 0;
    }
    if (!rule->assistant_only)
        return OK;
    if (!e->chat)
        return err_set(ERR_PARSE, "assistant_only_loss: needs conversations");
    all = e->kind == EXAMPLE_COMPLETION ? dialogue_join(e->prompt, e->completion)
                                        : json_incref(e->text);
    said = mem_new((size_t)ids->n + 1, 1);
    err = corpus_said(rule, all, e->tools, said, (size_t)ids->n);
    if (err)
        err = err_add("assistant_only_loss");
    for (int i = 0; i < ids->n; i++)
        learn[i] = learn[i] && said[i];
    free(said);
    json_decref(all);
    return err;
}

/* Whether a long record goes on in another row. */
static bool divides(const struct corpus_rule *rule)
{
    return rule->packing == CORPUS_BFD_SPLIT || rule->packing == CORPUS_WRAPPED;
}

static enum err add_sft(struct corpus *c, const struct corpus_rule *rule,
                        const struct example *e)
{
    struct encoded ids = {0};
    enum err err = example_check_filled(e);

    if (!err)
        err = encode_one(rule, e, &ids);
    uint8_t *learn = mem_new((size_t)ids.n + 1, 1);
    bool any = false;
    int n = ids.n;

    if (!err)
        err = masks(rule, e, &ids, learn);
    if (!err && rule->max_length && n > rule->max_length && !divides(rule)) {
        n = rule->max_length;
        c->cut++;
    }
    for (int i = 1; i < n; i++)
        any = any || learn[i];
    if (!err && n && (any || rule->packing)) {
        err = corpus_append(c, 0, ids.ids, (size_t)n, learn, divides(rule));
        if (!err)
            corpus_close(c);
    } else if (!err) {
        c->dropped++;
    }
    free(learn);
    encoded_free(&ids);
    return err;
}

/* What a reward model reads of an answer. */
static enum err side(const struct corpus_rule *rule, const struct example *e,
                     const json_t *answer, struct encoded *out)
{
    json_t *all = dialogue_join(e->prompt, answer);
    const enum err err = reading_answer(&rule->encode, rule->eos, all, e->tools, true, out);

    json_decref(all);
    return err;
}

static enum err add_pair(struct corpus *c, const struct corpus_rule *rule,
                         const struct example *e)
{
    struct encoded chosen = {0}, rejected = {0};
    enum err err = example_check_filled(e);

    if (err)
        return err;
    if ((err = side(rule, e, e->chosen, &chosen)))
        err = err_add("'chosen'");
    else if ((err = side(rule, e, e->rejected, &rejected)))
        err = err_add("'rejected'");
    else if (rule->max_length && (chosen.n > rule->max_length || rejected.n > rule->max_length))
        c->dropped++;
    else {
        err = corpus_append(c, 0, chosen.ids, (size_t)chosen.n, NULL, false);
        if (!err)
            err = corpus_append(c, 1, rejected.ids, (size_t)rejected.n, NULL, false);
        if (!err) {
            if (e->has_margin)
                c->margin[c->n] = (float)e->margin;
            corpus_close(c);
            c->longer += chosen.n > rejected.n;
            c->shorter += chosen.n < rejected.n;
        }
    }
    encoded_free(&chosen);
    encoded_free(&rejected);
    return err;
}

typedef enum err adder(struct corpus *, const struct corpus_rule *, const struct example *);

static enum err fill(struct corpus *c, const struct dataset *set,
                     const struct corpus_rule *rule, enum example_want want, adder *add)
{
    const struct example_rule how = {want, rule->text_field, rule->hh, rule->unused};

    size_t first = 0; /* record of this block of the data set */

    for (size_t i = 0; i < set->n; i++) {
        struct example e;
        enum err err = example_read(&e, set->row[i].object, &how);
        if (!err) {
            err = add(c, rule, &e);
            example_free(&e);
        }
        if (err == ERR_PARSE && !rule->strict)
            dataset_left_out(set, i, &c->skipped);
        else if (err)
            return dataset_at(set, i);
        if ((i + 1) % CORPUS_BINS_BLOCK && i + 1 < set->n)
            continue;
        err = corpus_bins_close(c, first, rule);
        if (err)
            return err;
        first = c->n;
    }
    return OK;
}

static enum err make(struct corpus **out, const struct dataset *set,
                     const struct corpus_rule *rule, int group, const char *what)
{
    struct corpus *c = mem_new(1, sizeof(*c));
    enum err err;

    *out = NULL;
    c->group = group;
    err = fill(c, set, rule, group == 2 ? EXAMPLE_FOR_PAIRS : EXAMPLE_FOR_SFT,
               group == 2 ? add_pair : add_sft);
    if (!err)
        err = corpus_end(c, set, rule, what);
    if (err)
        corpus_free(c);
    else
        *out = c;
    return err;
}

enum err corpus_sft(struct corpus **out, const struct dataset *set,
                    const struct corpus_rule *rule, const char *what)
{
    return make(out, set, rule, 1, what);
}

enum err corpus_pairs(struct corpus **out, const struct dataset *set,
                      const struct corpus_rule *rule, const char *what)
{
    return make(out, set, rule, 2, what);
}

struct hash corpus_hash(const struct corpus *c)
{
    const size_t seqs = c->n * (size_t)c->group, tokens = c->seq[seqs];
    struct hash_sha256 state;

    hash_sha256_init(&state);
    hash_sha256_add(&state, c->seq, (seqs + 1) * sizeof(*c->seq));
    hash_sha256_add(&state, c->token, tokens * sizeof(*c->token));
    hash_sha256_add(&state, c->learn, tokens);
    if (c->margin)
        hash_sha256_add(&state, c->margin, c->n * sizeof(*c->margin));
    if (c->weight)
        hash_sha256_add(&state, c->weight, c->n * sizeof(*c->weight));
    if (c->soft)
        hash_sha256_add(&state, c->soft, c->n * sizeof(*c->soft));
    if (c->label)
        hash_sha256_add(&state, c->label, c->n * sizeof(*c->label));
    if (c->stem)
        hash_sha256_add(&state, c->stem, c->n * sizeof(*c->stem));
    if (c->partner) {
        const struct corpus_whole *w = &c->whole;
        hash_sha256_add(&state, c->partner, c->n * sizeof(*c->partner));
        hash_sha256_add(&state, w->at, (c->n + 1) * sizeof(*w->at));
        hash_sha256_add(&state, w->token, w->at[c->n] * sizeof(*w->token));
        hash_sha256_add(&state, w->learn, w->at[c->n]);
        hash_sha256_add(&state, w->prompt, c->n * sizeof(*w->prompt));
    }
    if (c->target)
        hash_sha256_add(&state, c->target, tokens * sizeof(*c->target));
    if (c->rows.n) {
        hash_sha256_add(&state, c->rows.at, (c->rows.n + 1) * sizeof(*c->rows.at));
        hash_sha256_add(&state, c->rows.record, c->n * sizeof(*c->rows.record));
    }
    return hash_sha256_end(&state);
}
