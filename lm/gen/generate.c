/* A slot holds one answer in the making: FREE, PREFILL (its prompt is on the way through the model),
 * WAIT (another slot computes the same prompt for it) or DECODE. A step gathers one row for each slot
 * in DECODE and as many prompt rows as fit behind them, runs them through the model together, and
 * draws one token for every slot whose last row was among them. When the first slot of a job has its
 * prompt in the cache, the others copy it and all draw their first token from the same logits.
 * 
 * Nothing of a draw depends on which slots are open beside it: its logits have the same bits in any
 * batch (forward.h) and its random number is that of (seed, task, sample, position). The listener that
 * is told of a token or an answer may cancel or admit in between; deliver and generate_step look at
 * the slot again after they called it. Used by the actor's compute thread, the learner's own actor,
 * eval and the judges: one thread each, no locks. */

#include "lm/gen/generate.h"

#include "base/mem.h"
#include "base/rng.h"
#include "lm/gen/stop.h"
#include "lm/kernel/share.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    PREFILL_ROWS = 256, /* prompt tokens in one step, besides the open slots' own */
    LOGIT_ROWS = 64,    /* rows of logits that exist at once */
    MOST_SLOTS = 4096,
};

enum state {
    FREE,
    PREFILL, /* its prompt is on the way through the model */
    WAIT,    /* the same prompt is on its way in slot `leader` */
    DECODE
};

struct slot {
    enum state state;
    uint64_t order; /* of admission */
    int leader;
    struct generate_job job; /* prompt is not kept */
    int sample;
    int n, filled;  /* tokens; those of them that are in the cache */
    int *token;     /* [length] prompt and answer */
    float *logprob; /* [length] of token[i] */
    struct sample_top top[SAMPLE_TOPS];
    int tops; /* of the token drawn last */
    struct cache *cache;
    struct stop stop;
};

/* One token to be drawn: for a slot, from a row of logits. */
struct draw {
    int slot, row, token;
};

struct generate {
    struct shape shape;
    int slots, length, threads;
    uint64_t admitted;
    const struct tokenizer *tokenizer;
    const struct model *now; /* whose step it is */
    struct slot *slot;
    struct forward_work *work;
    struct forward_row *row; /* [slots + PREFILL_ROWS] */
    float *hidden;           /* [slots + PREFILL_ROWS, width] */
    float *logits;           /* [LOGIT_ROWS, vocab] */
    struct draw *draw;       /* [slots] */
    int draws;
    struct sample_scratch **scratch; /* [threads] */
};

const char *generate_finish(enum finish finish)
{
    return finish == FINISH_LENGTH ? "length" : "stop";
}

static enum err make_slots(struct generate *g)
{
    for (int i = 0; i < g->slots; i++) {
        g->slot[i].token = mem_new((size_t)g->length, sizeof(int));
        g->slot[i].logprob = mem_new((size_t)g->length, sizeof(float));
        if (cache_new(&g->slot[i].cache, &g->shape, g->length))
            return err_add("slot %d of %d", i, g->slots);
    }
    for (int i = 0; i < g->threads; i++)
        if (sample_scratch_new(&g->scratch[i], g->shape.vocab))
            return ERR_NOMEM;
    return OK;
}

/* More slots than that draw in several goes: a vocabulary's logits of every slot would be larger
 * than all their caches. */
static int logit_rows(const struct generate *g)
{
    return g->slots < LOGIT_ROWS ? g->slots : LOGIT_ROWS;
}

enum err generate_new(struct generate **out, const struct shape *shape, int slots, int length,
                      const struct tokenizer *tokenizer)
{
    struct generate *g;
    size_t rows;

    *out = NULL;
    if (shape_check(shape))
        return ERR_RANGE;
    if (shape->head != HEAD_LM)
        return err_set(ERR_RANGE, "a model with a scalar head writes no tokens");
    if (slots < 1 || slots > MOST_SLOTS)
        return err_set(ERR_RANGE, "slots %d: not in 1..%d", slots, MOST_SLOTS);
    if (length < 2 || length > shape->context)
        return err_set(ERR_RANGE, "length %d: not in 2..%d, the model's context", length,
                       shape->context);
    g = mem_new(1, sizeof *g);
    g->shape = *shape;
    g->slots = slots;
    g->length = length;
    g->threads = omp_get_max_threads();
    g->tokenizer = tokenizer;
    rows = (size_t)(slots + PREFILL_ROWS);
    g->slot = mem_new((size_t)slots, sizeof *g->slot);
    g->draw = mem_new((size_t)slots, sizeof *g->draw);
    g->row = mem_new(rows, sizeof *g->row);
    g->scratch = mem_new((size_t)g->threads, sizeof(struct sample_scratch *));
    /* All memory that decoding will take, now: an admitted job cannot fail for want of it. */
    if (make_slots(g) || forward_work_new(&g->work, shape, slots + PREFILL_ROWS) ||
        mem_big(&g->hidden, rows * (size_t)shape->width, sizeof *g->hidden, "hidden states") ||
        mem_big(&g->logits, (size_t)logit_rows(g) * (size_t)shape->vocab, sizeof *g->logits,
                "logits")) {
        generate_free(g);
        return ERR_NOMEM;
    }
    *out = g;
    return OK;
}

void generate_free(struct generate *g)
{
    if (!g)
        return;
    for (int i = 0; i < g->slots; i++) {
        free(g->slot[i].token);
        free(g->slot[i].logprob);
        cache_free(g->slot[i].cache);
    }
    for (int i = 0; i < g->threads; i++)
        sample_scratch_free(g->scratch[i]);
    forward_work_free(g->work);
    free(g->slot);
    free(g->draw);
    free(g->row);
    free(g->scratch);
    free(g->hidden);
    free(g->logits);
    free(g);
}

int generate_room(const struct generate *g)
{
    int room = 0;

    for (int i = 0; i < g->slots; i++)
        room += g->slot[i].state == FREE;
    return room;
}

/* All of a job is looked at before a slot is taken: it comes in whole or not at all. */
static enum err check_stops(const struct generate *g, const struct sampling *s)
{
    if (s->n_stop < 0 || s->n_stop > 8 || s->stop_text_count < 0 || s->stop_text_count > 8)
        return err_set(ERR_RANGE, "stop: %d tokens and %d strings: at most 8 of each",
                       s->n_stop, s->stop_text_count);
    for (int i = 0; i < s->n_stop; i++)
        if (s->stop[i] < 0 || s->stop[i] >= g->shape.vocab)
            return err_set(ERR_RANGE, "stop token %d: not in 0..%d", s->stop[i],
                           g->shape.vocab - 1);
    if (s->stop_text_count && !g->tokenizer)
        return err_set(ERR_RANGE, "stop strings need a tokenizer");
    for (int i = 0; i < s->stop_text_count; i++) {
        const size_t n = strlen(s->stop_text[i]);

        if (n < 1 || n > STOP_LONGEST)
            return err_set(ERR_RANGE, "stop string of %zu bytes: not in 1..%d", n,
                           STOP_LONGEST);
    }
    return OK;
}

static enum err check_job(const struct generate *g, const struct generate_job *job)
{
    if (job->n < 1 || job->sample < 0 || job->sample > INT32_MAX - job->n)
        return err_set(ERR_RANGE, "samples %d..: %d of them", job->sample, job->n);
    if (job->n_prompt < 1 || job->n_prompt >= g->length)
        return err_set(ERR_RANGE, "prompt of %d tokens: not in 1..%d", job->n_prompt,
                       g->length - 1);
    for (int i = 0; i < job->n_prompt; i++)
        if (job->prompt[i] < 0 || job->prompt[i] >= g->shape.vocab)
            return err_set(ERR_RANGE, "prompt token %d is %d: not in 0..%d", i, job->prompt[i],
                           g->shape.vocab - 1);
    if (job->top < 0 || job->top > SAMPLE_TOPS)
        return err_set(ERR_RANGE, "top %d: not in 0..%d", job->top, SAMPLE_TOPS);
    if (job->sampling.max_new < 1)
        return err_set(ERR_RANGE, "max_new %d: below 1", job->sampling.max_new);
    if (sample_check(&job->sampling) || penalty_check(&job->sampling.penalties, g->shape.vocab))
        return ERR_RANGE;
    return check_stops(g, &job->sampling);
}

enum err generate_admit(struct generate *g, const struct generate_job *job)
{
    int leader = -1, taken = 0;

    if (check_job(g, job))
        return ERR_RANGE;
    if (generate_room(g) < job->n)
        return err_set(ERR_STATE, "no room for %d samples: %d slots are free", job->n,
                       generate_room(g));
    for (int i = 0; taken < job->n; i++) {
        struct slot *s = &g->slot[i];

        if (s->state != FREE)
            continue;
        leader = leader < 0 ? i : leader;
        s->state = leader == i ? PREFILL : WAIT;
        s->leader = leader;
        s->order = g->admitted;
        s->job = *job;
        s->job.prompt = NULL; /* borrowed; copied below */
        s->sample = job->sample + taken++;
        s->n = job->n_prompt;
        s->filled = 0;
        s->stop.n = 0;
        memcpy(s->token, job->prompt, (size_t)job->n_prompt * sizeof *s->token);
    }
    g->admitted++; /* one number for the job: its samples stand or wait together */
    return OK;
}

bool generate_owned(const struct generate *g, const void *owner)
{
    bool owned = false;

    for (int i = 0; i < g->slots && !owned; i++)
        owned = g->slot[i].state != FREE && g->slot[i].job.owner == owner;
    return owned;
}

void generate_cancel(struct generate *g, uint64_t task)
{
    for (int i = 0; i < g->slots; i++)
        if (g->slot[i].job.task == task)
            g->slot[i].state = FREE;
}

void generate_drop(struct generate *g, const void *owner)
{
    for (int i = 0; i < g->slots; i++)
        if (g->slot[i].job.owner == owner)
            g->slot[i].state = FREE;
}

static bool takes_part(const struct generate *g, const struct slot *s)
{
    return !s->job.model || s->job.model == g->now;
}

/* The slot in PREFILL that was admitted first, after the one with `order` (or at all): first come,
 * first served, so that a long prompt does not starve behind short ones. */
static struct slot *next_prompt(struct generate *g, const struct slot *after)
{
    struct slot *found = NULL;

    for (int i = 0; i < g->slots; i++) {
        struct slot *s = &g->slot[i];

        if (s->state == PREFILL && takes_part(g, s) && (!after || s->order > after->order) &&
            (!found || s->order < found->order))
            found = s;
    }
    return found;
}

/* The prompt of `leader` is in its cache: all of its samples draw from the same logits. */
static void promote(struct generate *g, struct slot *leader, int row)
{
    const int index = (int)(leader - g->slot);

    for (int i = index; i < g->slots; i++) {
        struct slot *s = &g->slot[i];

        if (s != leader && (s->state != WAIT || s->leader != index))
            continue;
        if (s != leader)
            cache_copy(s->cache, leader->cache, leader->n);
        s->state = DECODE;
        s->filled = leader->n;
        g->draw[g->draws++] = (struct draw){i, row, -1};
    }
}

/* One row for each open slot, then prompts as far as they fit. */
static int gather(struct generate *g)
{
    int n = 0;

    g->draws = 0;
    for (int i = 0; i < g->slots; i++) {
        struct slot *s = &g->slot[i];

        if (s->state != DECODE || !takes_part(g, s))
            continue;
        g->draw[g->draws++] = (struct draw){i, n, -1};
        g->row[n++] = (struct forward_row){s->cache, s->token[s->n - 1], s->n - 1};
        s->filled = s->n; /* by the end of this step */
    }
    for (struct slot *s = next_prompt(g, NULL); s; s = next_prompt(g, s))
        while (s->filled < s->n && n < g->slots + PREFILL_ROWS) {
            g->row[n++] = (struct forward_row){s->cache, s->token[s->filled], s->filled};
            s->filled++;
        }
    return n;
}

/* After the pass over n rows: which finished prompts draw from which row. */
static void promote_all(struct generate *g, int n)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < g->slots; k++) {
            struct slot *s = &g->slot[k];

            if (s->state == PREFILL && s->cache == g->row[i].cache && g->row[i].pos == s->n - 1)
                promote(g, s, i);
        }
}

/* One draw, by one thread with its own scratch: the random number is a function of the position, not
 * of how many were drawn before it. Rows of logits count from the first draw's. */
static void draw(struct generate *g, const struct draw *first, struct draw *d)
{
    struct slot *s = &g->slot[d->slot];
    const double u =
        rng_uniform(s->job.seed, RNG_SAMPLE, s->job.task, (uint32_t)s->sample, (uint32_t)s->n);
    const size_t row = (size_t)(d->row - first->row);
    const float *logit = g->logits + row * (size_t)g->shape.vocab;

    d->token = sample_draw(g->scratch[omp_get_thread_num()], &s->job.sampling,
                           &(struct penalty_said){s->token, s->job.n_prompt, s->n}, logit, u,
                           &s->logprob[s->n]);
    s->tops = d->token < 0 ? 0
                           : sample_best(s->top, s->job.top, s->job.sampling.temperature, logit,
                                         g->shape.vocab);
}

/* Draws every token of g->draw. Their rows are moved together first: draws are in order of
 * rows, and several may share one. */
static void draw_all(struct generate *g, const struct model *model)
{
    const size_t width = (size_t)g->shape.width;
    int kept = 0;

    for (int i = 0; i < g->draws; i++) {
        const int from = g->draw[i].row;
        const bool same = i > 0 && from == g->draw[i - 1].token;

        g->draw[i].token = from; /* remembered for the next comparison only */
        if (!same)
            memmove(g->hidden + (size_t)kept++ * width, g->hidden + (size_t)from * width,
                    width * sizeof *g->hidden);
        g->draw[i].row = kept - 1;
    }
    for (int i = 0, end; i < g->draws; i = end) {
        const struct draw first = g->draw[i];
        size_t work;
        int rows;

        for (end = i; end < g->draws && g->draw[end].row - first.row < logit_rows(g);)
            end++;
        work = 16 * (size_t)(end - i) * (size_t)g->shape.vocab;
        rows = g->draw[end - 1].row - first.row + 1;
        forward_logits(model, g->work, g->hidden + (size_t)first.row * width, rows, g->logits);
#pragma omp parallel for schedule(dynamic) num_threads(g->threads) if (share_worth(work))
        for (int k = i; k < end; k++)
            draw(g, &first, &g->draw[k]);
    }
}

/* Whether the answer ends with the token just added. A stop token comes before a stop string, and
 * both before the length: a token that is all three is a stop. */
static bool ended(const struct generate *g, struct slot *s, enum finish *why)
{
    const struct sampling *p = &s->job.sampling;
    const int token = s->token[s->n - 1];

    for (int i = 0; i < p->n_stop; i++)
        if (token == p->stop[i]) {
            *why = FINISH_STOP;
            return true;
        }
    if (p->stop_text_count) {
        size_t n;
        const char *piece = tokenizer_piece(g->tokenizer, token, &n);

        if (piece && stop_feed(&s->stop, piece, n, p->stop_text, p->stop_text_count)) {
            *why = FINISH_STOP_TEXT;
            return true;
        }
    }
    *why = FINISH_LENGTH;
    return s->n - s->job.n_prompt >= p->max_new || s->n >= g->length;
}

static void deliver(struct generate *g, struct slot *s, int token,
                    const struct generate_events *events)
{
    const uint64_t task = s->job.task;
    const struct generate_token one = {.task = task,
                                       .sample = s->sample,
                                       .token = token,
                                       .logprob = s->logprob[s->n],
                                       .top = s->top,
                                       .tops = s->tops,
                                       .owner = s->job.owner};
    enum finish finish;
    bool end;

    s->token[s->n++] = token;
    /* Before the listener hears of it: it may give the slot away. */
    end = ended(g, s, &finish);
    if (events->token)
        events->token(events->self, &one);
    if (end && s->state == DECODE) { /* the listener may have cancelled it */
        const struct generate_done done = {
            .task = task,
            .sample = s->sample,
            .token = s->token + s->job.n_prompt,
            .logprob = s->logprob + s->job.n_prompt,
            .n = s->n - s->job.n_prompt,
            .finish = finish,
            .owner = s->job.owner,
        };

        s->state = FREE;
        if (events->done)
            events->done(events->self, &done);
    }
}

enum err generate_step(struct generate *g, const struct model *model,
                       const struct generate_events *events, int *tokens)
{
    int n;

    g->now = model;
    n = gather(g);
    if (tokens)
        *tokens = 0;
    if (n == 0)
        return OK;
    forward_hidden(model, g->work, g->row, n, g->hidden);
    promote_all(g, n);
    draw_all(g, model);
    for (int i = 0; i < g->draws; i++) /* all, before any is told: a step counts whole or not */
        if (g->draw[i].token < 0) {
            const struct slot *s = &g->slot[g->draw[i].slot];
            char where[FORWARD_FAULT];

            return err_set(ERR_RANGE,
                           "logits of task %llu, sample %d are not numbers: from %s on",
                           (unsigned long long)s->job.task, s->sample,
                           forward_fault(where, model, s->token, s->n));
        }
    /* In order of slots: a step tells the same things in the same order on any machine. */
    for (int i = 0; i < g->draws; i++) {
        struct slot *s = &g->slot[g->draw[i].slot];

        if (s->state != DECODE || s->filled != s->n)
            continue; /* cancelled, or given to another job, by a listener just now */
        deliver(g, s, g->draw[i].token, events);
        if (tokens)
            ++*tokens;
    }
    return OK;
}
