/* A list a prompt, the last ones: tokens with the probability that each had, in 255ths, as actors guess by
 * them. Epochs go round: the prompt that was asked longest ago is the next one to be asked, so that what does
 * not fit is not taken, rather than what is oldest given up, which would be the very thing that is wanted
 * next. A prompt that has answers replaces them.
 *
 * Filled by the ledger's `durable` (run_open.c), read by fleet_tasks.c as it opens a task. */

#include "learner/context/earlier_answers.h"

#include "base/log.h"
#include "base/mem.h"
#include "lm/kernel/real.h"
#include "proto/limit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EARLIER_KEPT = 16 }; /* answers to a prompt: what more of them say, few do not */

struct earlier_answer {
    uint64_t task;
    uint32_t n;
    int32_t *token; /* [n], and n bytes of shares behind them */
};

struct earlier_prompt {
    struct earlier_answer answer[EARLIER_KEPT]; /* the oldest first */
    uint32_t n;
};

struct earlier_answers {
    struct tasks *tasks;
    struct earlier_prompt **prompt; /* [eval + rows]; NULL: none is kept */
    uint64_t eval, prompts, lost;
    size_t bytes, most;
    /* what was asked for last */
    uint32_t each[EARLIER_KEPT];
    int32_t *token;
    uint8_t *share;
};

void earlier_answers_new(struct earlier_answers **out, struct tasks *tasks, size_t most)
{
    const struct tasks_plan *plan = tasks_plan(tasks);
    struct earlier_answers *e = mem_new(1, sizeof *e);

    e->tasks = tasks;
    e->most = most;
    e->eval = plan->eval;
    e->prompts = plan->eval + plan->rows;
    e->prompt = mem_new(e->prompts, sizeof(struct earlier_prompt *));
    e->token = mem_new(MAX_EARLIER_TOKENS, sizeof *e->token);
    e->share = mem_new(MAX_EARLIER_TOKENS, sizeof *e->share);
    *out = e;
}

static size_t bytes_of(const struct earlier_answer *a)
{
    return (size_t)a->n * (sizeof *a->token + 1);
}

/* The oldest of a prompt. */
static void forget(struct earlier_answers *e, struct earlier_prompt *p)
{
    e->bytes -= bytes_of(&p->answer[0]);
    free(p->answer[0].token);
    p->n--;
    memmove(p->answer, p->answer + 1, p->n * sizeof *p->answer);
}

void earlier_answers_free(struct earlier_answers *e)
{
    if (!e)
        return;
    for (uint64_t i = 0; i < e->prompts; i++) {
        while (e->prompt[i] && e->prompt[i]->n)
            forget(e, e->prompt[i]);
        free(e->prompt[i]);
    }
    free(e->prompt);
    free(e->token);
    free(e->share);
    free(e);
}

static uint64_t place_of(const struct earlier_answers *e, uint64_t task)
{
    const struct tasks_place at = tasks_at(e->tasks, task);

    return at.kind == TASKS_TRAIN ? e->eval + at.row : at.row;
}

/* Is the prompt of this task asked again? Of an evaluation, after training; of training, if there is
 * another epoch: an id so far on that all prompts come in between. */
static bool comes_again(const struct earlier_answers *e, uint64_t task)
{
    const struct tasks_plan *plan = tasks_plan(e->tasks);
    const uint64_t first = tasks_first(e->tasks, plan->iterations);

    if (task < plan->eval)
        return true;
    return task < first &&
           (task - plan->eval) / plan->rows < (first - plan->eval - 1) / plan->rows;
}

/* Makes room for n bytes to a prompt, of its own older answers; false: there is none. */
static bool room_for(struct earlier_answers *e, struct earlier_prompt *p, size_t n)
{
    while (p->n && (p->n == EARLIER_KEPT || e->bytes + n > e->most))
        forget(e, p);
    if (e->bytes + n <= e->most)
        return true;
    if (!e->lost++)
        log_info("earlier",
                 "reason=\"answers of earlier epochs take %zu MiB: those to other prompts are "
                 "not kept, and are "
                 "decoded without guesses by them\"",
                 e->most >> 20);
    return false;
}

void earlier_answers_take(struct earlier_answers *e, const struct record_sample *sample)
{
    struct earlier_answer own = {.task = sample->task, .n = sample->n_token};
    struct earlier_prompt **p;
    uint8_t *share;

    if (!comes_again(e, sample->task) || own.n > MAX_EARLIER_TOKENS)
        return;
    p = &e->prompt[place_of(e, sample->task)];
    if (!*p)
        *p = mem_new(1, sizeof **p);
    if (!room_for(e, *p, bytes_of(&own)))
        return;
    own.token = mem_new(own.n, sizeof *own.token + 1);
    memcpy(own.token, sample->token, own.n * sizeof *own.token);
    share = (uint8_t *)(own.token + own.n);
    for (uint32_t i = 0; i < own.n; i++)
        share[i] = (uint8_t)(255 * real_exp(fmin((double)sample->logprob[i], 0)) + 0.5);
    (*p)->answer[(*p)->n++] = own;
    e->bytes += bytes_of(&own);
}

/* The newest that fit, the newest last. */
struct earlier earlier_answers_of(struct earlier_answers *e, uint64_t task)
{
    const struct earlier_prompt *p = e->prompt[place_of(e, task)];
    struct earlier out = {.each = e->each, .token = e->token, .share = e->share};
    uint32_t from = p ? p->n : 0, tokens = 0;

    while (from > 0 && tokens + p->answer[from - 1].n <= MAX_EARLIER_TOKENS)
        tokens += p->answer[--from].n;
    for (uint32_t i = from; p && i < p->n; i++) {
        const struct earlier_answer *a = &p->answer[i];

        if (a->task == task)
            continue;
        e->each[out.n_each++] = a->n;
        memcpy(e->token + out.n_token, a->token, a->n * sizeof *a->token);
        memcpy(e->share + out.n_token, a->token + a->n, a->n);
        out.n_token += a->n;
    }
    return out;
}

uint64_t earlier_answers_lost(const struct earlier_answers *e)
{
    return e->lost;
}
