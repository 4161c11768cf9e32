/* The storage of a data set in token ids: three flat arrays (where sequences start, tokens, what is
 * learnt) that grow as the readers append, the latter two on disk when they are large, and one array for each thing that a record may say of
 * itself. The readers (corpus_read, corpus_answers, corpus_steps) call corpus_append for each
 * sequence of a record, corpus_close behind its last, and corpus_end once. Arrays that came to say
 * nothing are dropped at the end: a NULL tells all who read them that there is nothing to weigh. */
#include "learner/corpus/corpus.h"

#include "base/mem.h"
#include "base/spool.h"
#include "data/example.h"

#include <stdlib.h>
#include <string.h>

struct corpus *corpus_new(const struct corpus_rule *rule, int group)
{
    struct corpus *c = mem_new(1, sizeof(*c));
    const size_t memory = rule->memory ? rule->memory : CORPUS_MEMORY;

    c->group = group;
    c->tokens = spool_new(rule->folder, memory, "the tokens");
    c->learns = spool_new(rule->folder, memory, "the marks of what is learnt");
    c->targets = spool_new(rule->folder, memory, "the targets");
    return c;
}

void corpus_free(struct corpus *corpus)
{
    if (!corpus)
        return;
    free(corpus->seq);
    spool_free(corpus->tokens);
    spool_free(corpus->learns);
    free(corpus->margin);
    free(corpus->weight);
    free(corpus->soft);
    free(corpus->label);
    free(corpus->shared_prefix);
    free(corpus->partner);
    free(corpus->whole.at);
    free(corpus->whole.token);
    free(corpus->whole.learn);
    free(corpus->whole.prompt);
    free(corpus->rows.at);
    free(corpus->rows.record);
    free(corpus->rows.length);
    free(corpus->length);
    spool_free(corpus->targets);
    free(corpus->owner);
    free(corpus);
}

/* Room for one more record and `tokens` more tokens; the size follows the input. */
static enum err room(struct corpus *c, size_t tokens)
{
    const size_t have = c->seq ? c->seq[c->n * (size_t)c->group] : 0;

    /* All arrays of records grow together, whether they will say something or not: trim
     * drops those that do not. */
    if (c->n == c->room_records) {
        const size_t n = c->room_records ? 2 * c->room_records : 256;
        c->seq = mem_grow(c->seq, n * (size_t)c->group + 1, sizeof(*c->seq));
        c->length = mem_grow(c->length, n, sizeof(*c->length));
        c->margin = mem_grow(c->margin, n, sizeof(*c->margin));
        c->weight = mem_grow(c->weight, n, sizeof(*c->weight));
        c->soft = mem_grow(c->soft, n, sizeof(*c->soft));
        c->label = mem_grow(c->label, n, sizeof(*c->label));
        c->shared_prefix = mem_grow(c->shared_prefix, n, sizeof(*c->shared_prefix));
        c->seq[0] = 0;
        c->room_records = n;
    }
    if (have + tokens > c->room_tokens) {
        /* An eighth more: spools double what is small themselves. Tokens are as many as the
         * user's data: no room for them is an answer, not the end of the process. */
        const size_t n = (have + tokens) / 8 * 9 + 4096;
        enum err err = spool_room(c->tokens, n * sizeof(*c->token), &c->token);

        if (!err)
            err = spool_room(c->learns, n, &c->learn);
        if (err)
            return err;
        c->room_tokens = n;
    }
    return OK;
}

void corpus_seen(const struct corpus *c, size_t tokens)
{
    spool_seen(c->tokens, tokens * sizeof(*c->token) + SPOOL_PAGES);
    spool_seen(c->learns, tokens + SPOOL_PAGES);
    if (c->target)
        spool_seen(c->targets, tokens * sizeof(*c->target) + SPOOL_PAGES);
}

static size_t held(const struct spool *spool, size_t bytes)
{
    return spool_on_disk(spool) ? SPOOL_WINDOW : bytes;
}

size_t corpus_bytes(const struct corpus *c)
{
    const size_t seqs = c->n * (size_t)c->group, tokens = c->seq[seqs];

    return held(c->tokens, tokens * sizeof(*c->token)) + held(c->learns, tokens) +
           (c->target ? held(c->targets, tokens * sizeof(*c->target)) : 0) +
           (seqs + 1) * sizeof(*c->seq) + c->n * sizeof(*c->length);
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
        c->shared_prefix[c->n] = 0;
    }
    at = c->seq[index];
    if (n)
        memcpy(c->token + at, ids, n * sizeof(*ids));
    /* The first token of a sequence follows nothing, so there is nothing to predict it from. */
    for (size_t i = 0; i < n; i++)
        c->learn[at + i] = i || marked ? (learn ? learn[i] : 1) : 0;
    c->seq[index + 1] = at + n;
    spool_seen(c->tokens, n * sizeof(*ids));
    spool_seen(c->learns, n);
    return OK;
}

/* The length is kept beside the starts: packing sorts by it, and a pair's is that of both
 * answers. */
void corpus_close(struct corpus *c)
{
    const size_t first = c->n * (size_t)c->group;

    c->length[c->n++] = (uint32_t)(c->seq[first + (size_t)c->group] - c->seq[first]);
}

/* Drops arrays that say nothing. */
static void trim(struct corpus *c)
{
    bool margin = false, weight = false, soft = false, label = false, shared_prefix = false;

    for (size_t i = 0; i < c->n; i++) {
        margin = margin || c->margin[i] != 0;
        weight = weight || c->weight[i] != 1;
        soft = soft || c->soft[i] != 1;
        label = label || c->label[i] >= 0;
        shared_prefix = shared_prefix || c->shared_prefix[i];
    }
    for (int i = 0; i < 5; i++) {
        void **const array[] = {(void **)&c->margin, (void **)&c->weight, (void **)&c->soft,
                                (void **)&c->label, (void **)&c->shared_prefix};
        const bool used[] = {margin, weight, soft, label, shared_prefix};
        if (!used[i]) {
            free(*array[i]);
            *array[i] = NULL;
        }
    }
}

static enum err finish(struct corpus *c, const struct dataset *set,
                       const struct corpus_rule *rule, const char *what)
{
    /* A run that would learn nothing says why, with the counts that tell the reasons apart. */
    c->skipped += set->skipped;
    if (!c->n)
        return err_set(ERR_RANGE,
                       "%s: none of %zu records can be used: %zu longer than %d tokens "
                       "(max_length, or the model's context) or with nothing to learn, %zu bad",
                       what, set->n, c->dropped, rule->max_length, c->skipped);
    trim(c);
    return OK;
}

enum err corpus_end(struct corpus **out, struct corpus *c, enum err err,
                    const struct dataset *set, const struct corpus_rule *rule, const char *what)
{
    if (!err)
        err = finish(c, set, rule, what);
    if (err)
        corpus_free(c);
    *out = err ? NULL : c;
    return err;
}

/* learn [n] out: tokens of a span of bytes; end [n]: the byte behind each token. One that lies
 * across a border is of the side of its first byte; `touch`: of the span, on either side, as
 * transformers reads {% generation %} marks. */
static void mark(const size_t *end, size_t n, const size_t *span, size_t spans, bool touch,
                 uint8_t *learn)
{
    size_t at = 0, k = 0;

    for (size_t i = 0; i < n; at = end[i++]) {
        while (k < spans && span[2 * k + 1] <= at)
            k++;
        learn[i] = k < spans && (touch ? end[i] > span[2 * k] : at >= span[2 * k]);
    }
}

/* A run's own are checked before any record is read, and refused; of a record's, which a
 * published set has for templates of other models, it is said once that nobody asks for them. */
json_t *corpus_kwargs(const struct corpus_rule *rule, const struct example *e)
{
    json_t *all, *value;
    const char *name;

    if (!e->kwargs || !rule->encode.chat)
        return NULL;
    all = rule->encode.kwargs ? json_copy((json_t *)(uintptr_t)rule->encode.kwargs)
                              : json_object();
    json_object_foreach(e->kwargs, name, value)
    {
        json_object_set(all, name, value);
        if (rule->unused && !json_is_null(value) && !chat_asks(rule->encode.chat, name)) {
            char *column = mem_print("chat_template_kwargs.%s", name);
            json_object_set_new(rule->unused, column, json_integer(1));
            free(column);
        }
    }
    return all;
}

enum err corpus_said(const struct corpus_rule *rule, const json_t *messages,
                     const json_t *tools, uint8_t *learn, size_t n)
{
    char *text = NULL;
    size_t *span = NULL, *end = mem_new(n + 1, sizeof(*end)), spans = 0, bytes, count = 0;
    int *ids = NULL;
    enum err err = chat_render(rule->encode.chat, messages, tools, rule->encode.kwargs, false,
                               &text, &bytes);

    if (!err)
        err =
            chat_spans(rule->encode.chat, messages, tools, rule->encode.kwargs, &span, &spans);
    if (!err)
        err = tokenizer_encode(rule->encode.tokenizer, text, bytes, true, &ids, &count);
    if (!err && count == n)
        err = tokenizer_ends(rule->encode.tokenizer, text, bytes, ids, n, end);
    if (!err && count == n)
        mark(end, n, span, spans, chat_marks(rule->encode.chat), learn);
    if (!err && (!spans || count != n))
        err = err_set(ERR_PARSE, "no assistant turn");
    free(text);
    free(span);
    free(end);
    free(ids);
    return err;
}

/* Piece by piece: what has been hashed may leave memory. */
static void add_spooled(struct hash_sha256 *state, struct spool *spool, const void *data,
                        size_t bytes)
{
    enum { PIECE = 1 << 20 };
    const char *from = data;

    for (size_t at = 0; at < bytes; at += PIECE) {
        const size_t n = bytes - at < PIECE ? bytes - at : PIECE;

        hash_sha256_add(state, from + at, n);
        spool_seen(spool, n);
    }
}

/* What does not exist is not hashed, so that a corpus without, say, margins keeps its hash
 * when margins are invented: checkpoints and tables of references are found by it. */
struct hash corpus_hash(const struct corpus *c)
{
    const size_t seqs = c->n * (size_t)c->group, tokens = c->seq[seqs];
    struct hash_sha256 state;

    hash_sha256_init(&state);
    hash_sha256_add(&state, c->seq, (seqs + 1) * sizeof(*c->seq));
    add_spooled(&state, c->tokens, c->token, tokens * sizeof(*c->token));
    add_spooled(&state, c->learns, c->learn, tokens);
    if (c->margin)
        hash_sha256_add(&state, c->margin, c->n * sizeof(*c->margin));
    if (c->weight)
        hash_sha256_add(&state, c->weight, c->n * sizeof(*c->weight));
    if (c->soft)
        hash_sha256_add(&state, c->soft, c->n * sizeof(*c->soft));
    if (c->label)
        hash_sha256_add(&state, c->label, c->n * sizeof(*c->label));
    if (c->shared_prefix)
        hash_sha256_add(&state, c->shared_prefix, c->n * sizeof(*c->shared_prefix));
    if (c->partner) {
        const struct corpus_whole *w = &c->whole;
        hash_sha256_add(&state, c->partner, c->n * sizeof(*c->partner));
        hash_sha256_add(&state, w->at, (c->n + 1) * sizeof(*w->at));
        hash_sha256_add(&state, w->token, w->at[c->n] * sizeof(*w->token));
        hash_sha256_add(&state, w->learn, w->at[c->n]);
        hash_sha256_add(&state, w->prompt, c->n * sizeof(*w->prompt));
    }
    if (c->target)
        add_spooled(&state, c->targets, c->target, tokens * sizeof(*c->target));
    if (c->rows.n) {
        hash_sha256_add(&state, c->rows.at, (c->rows.n + 1) * sizeof(*c->rows.at));
        hash_sha256_add(&state, c->rows.record, c->n * sizeof(*c->rows.record));
    }
    return hash_sha256_end(&state);
}
