/* A slot holds one answer in the making: FREE, PREFILL (its prompt is on the way through the model),
 * WAIT (another slot computes the same prompt for it) or DECODE. A step gathers one row for each slot
 * in DECODE, more where it guesses what comes (generate_guess.c), and as many prompt rows as fit behind them,
 * runs them through the model together, and draws a token for every slot whose last row was among them. When the first slot of a job has its
 * prompt in the cache, the others share it and all draw their first token from the same logits.
 *
 * Nothing of a draw depends on which slots are open beside it: its logits have the same bits in any
 * batch (forward.h) and its random number is that of (seed, task, sample, position). The listener that
 * is told of a token or an answer may cancel or admit in between; deliver and generate_step look at
 * the slot again after they called it. Used by the actor's compute thread, the learner's own actor,
 * eval and the judges: one thread each, no locks. */

#include "lm/gen/generate.h"

#include "base/mem.h"
#include "lm/gen/generate_state.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SLOTS = 4096 };

const char *generate_finish(enum finish finish)
{
    return finish == FINISH_LENGTH ? "length" : "stop";
}

static enum err make_slots(struct generate *g)
{
    const size_t each = kv_block_count(g->length) * KV_BLOCK_TOKENS;

    if (cache_pool_new(&g->pool, &g->shape, (size_t)g->slots * each))
        return err_add("%d slots", g->slots);
    for (int i = 0; i < g->slots; i++) {
        g->slot[i].token = mem_new((size_t)g->length, sizeof(int));
        g->slot[i].logprob = mem_new((size_t)g->length, sizeof(float));
        if (cache_new(&g->slot[i].cache, &g->shape, g->length, g->pool))
            return err_add("slot %d of %d", i, g->slots);
    }
    for (int i = 0; i < g->threads; i++)
        if (sample_scratch_new(&g->scratch[i], g->shape.vocab))
            return ERR_NOMEM;
    return OK;
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
    g->ahead = DRAFT_MOST;
    rows = (size_t)(slots + GENERATE_PREFILL);
    g->slot = mem_new((size_t)slots, sizeof *g->slot);
    g->draw = mem_new(rows, sizeof *g->draw);
    g->row = mem_new(rows, sizeof *g->row);
    g->scratch = mem_new((size_t)g->threads, sizeof(struct sample_scratch *));
    /* All that decoding will take is asked for now: an admitted job cannot be refused it. It becomes
     * memory as tokens come, and logits as so many are drawn at once. */
    if (make_slots(g) || forward_work_new(&g->work, shape, slots + GENERATE_PREFILL) ||
        mem_later(&g->hidden, rows * (size_t)shape->width, sizeof *g->hidden,
                  "hidden states") ||
        mem_later(&g->logits, (size_t)generate_draw_rows(g) * (size_t)shape->vocab,
                  sizeof *g->logits, "logits")) {
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
    cache_pool_free(g->pool);
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

void generate_ahead(struct generate *g, int most)
{
    g->ahead = most < 0 ? 0 : most < DRAFT_MOST ? most : DRAFT_MOST;
}

struct generate_drafts generate_drafts(struct generate *g)
{
    const struct generate_drafts drafts = g->drafts;

    g->drafts = (struct generate_drafts){0, 0};
    return drafts;
}

int generate_room(const struct generate *g)
{
    int room = 0;

    for (int i = 0; i < g->slots; i++)
        room += g->slot[i].state == FREE;
    return room;
}

enum err generate_admit(struct generate *g, const struct generate_job *job)
{
    int leader = -1, taken = 0;

    if (generate_check_job(g, job))
        return ERR_RANGE;
    if (generate_room(g) < job->n)
        return err_set(ERR_STATE, "no room for %d samples: %d slots are free", job->n,
                       generate_room(g));
    for (int i = 0; taken < job->n; i++) {
        struct generate_slot *s = &g->slot[i];

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
        s->record = (struct draft_record){.hoped = {0}};
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

/* Its pages are the next's, those that nobody else holds. */
static void vacate(struct generate_slot *s)
{
    s->state = FREE;
    cache_clear(s->cache);
}

void generate_cancel(struct generate *g, uint64_t task)
{
    for (int i = 0; i < g->slots; i++)
        if (g->slot[i].job.task == task)
            vacate(&g->slot[i]);
}

void generate_drop(struct generate *g, const void *owner)
{
    for (int i = 0; i < g->slots; i++)
        if (g->slot[i].job.owner == owner)
            vacate(&g->slot[i]);
}

bool generate_takes_part(const struct generate *g, const struct generate_slot *s)
{
    return !s->job.model || s->job.model == g->now;
}

/* The slot in PREFILL that was admitted first, after the one with `order` (or at all): first come,
 * first served, so that a long prompt does not starve behind short ones. */
static struct generate_slot *next_prompt(struct generate *g, const struct generate_slot *after)
{
    struct generate_slot *found = NULL;

    for (int i = 0; i < g->slots; i++) {
        struct generate_slot *s = &g->slot[i];

        if (s->state == PREFILL && generate_takes_part(g, s) &&
            (!after || s->order > after->order) && (!found || s->order < found->order))
            found = s;
    }
    return found;
}

/* The prompt of `leader` is in its cache: all of its samples draw from the same logits. */
static void promote(struct generate *g, struct generate_slot *leader, int row)
{
    const int index = (int)(leader - g->slot);

    for (int i = index; i < g->slots; i++) {
        struct generate_slot *s = &g->slot[i];

        if (s != leader && (s->state != WAIT || s->leader != index))
            continue;
        if (s != leader)
            cache_share(s->cache, leader->cache, leader->n);
        s->state = DECODE;
        s->filled = leader->n;
        g->draw[g->draws++] = (struct generate_draw){.slot = i, .row = row, .at = s->n};
    }
}

/* One row for each open slot and for each of its guesses, then prompts as far as they fit. */
static int gather(struct generate *g)
{
    int n = 0;

    generate_guess_all(g);
    g->draws = 0;
    for (int i = 0; i < g->slots; i++) {
        struct generate_slot *s = &g->slot[i];

        if (s->state != DECODE || !generate_takes_part(g, s))
            continue;
        for (int at = s->n; at <= s->n + s->taken; at++) {
            g->draw[g->draws++] = (struct generate_draw){.slot = i, .row = n, .at = at};
            g->row[n++] = (struct forward_row){s->cache, s->token[at - 1], at - 1};
        }
        s->filled = s->n; /* by the end of this step; keys of guesses are written over */
    }
    for (struct generate_slot *s = next_prompt(g, NULL); s; s = next_prompt(g, s))
        while (s->filled < s->n && n < g->slots + GENERATE_PREFILL) {
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
            struct generate_slot *s = &g->slot[k];

            if (s->state == PREFILL && s->cache == g->row[i].cache && g->row[i].pos == s->n - 1)
                promote(g, s, i);
        }
}

/* Whether the answer ends with the token just added. A stop token comes before a stop string, and
 * both before the length: a token that is all three is a stop. */
static bool ended(const struct generate *g, struct generate_slot *s, enum finish *why)
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

static void deliver(struct generate *g, const struct generate_draw *d,
                    const struct generate_events *events)
{
    struct generate_slot *s = &g->slot[d->slot];
    const uint64_t task = s->job.task;
    const struct generate_token one = {.task = task,
                                       .sample = s->sample,
                                       .token = d->token,
                                       .logprob = s->logprob[s->n],
                                       .top = d->top,
                                       .tops = d->tops,
                                       .owner = s->job.owner};
    enum finish finish;
    bool end;

    s->token[s->n++] = d->token;
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

        vacate(s);
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
    generate_draw_all(g, model);
    generate_guess_check(g);
    for (int i = 0; i < g->draws; i++) /* all, before any is told: a step counts whole or not */
        if (g->draw[i].counts && g->draw[i].token < 0) {
            const struct generate_slot *s = &g->slot[g->draw[i].slot];
            char where[FORWARD_FAULT];

            return err_set(ERR_RANGE,
                           "logits of task %llu, sample %d are not numbers: from %s on",
                           (unsigned long long)s->job.task, s->sample,
                           forward_fault(where, model, s->token, g->draw[i].at));
        }
    /* In order of slots: a step tells the same things in the same order on any machine. */
    for (int i = 0; i < g->draws; i++) {
        const struct generate_draw *d = &g->draw[i];
        const struct generate_slot *s = &g->slot[d->slot];

        if (!d->counts || s->state != DECODE)
            continue; /* guessed wrong, at an end, or given away by a listener just now */
        deliver(g, d, events);
        if (tokens)
            ++*tokens;
    }
    return OK;
}
