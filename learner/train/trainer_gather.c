/* The journal's records and the prompts, put side by side: nothing is copied but what has to be made
 * (reference log-probabilities of answers that came without, rewards by token), which lies in one block: the
 * reference of all answers, then the rewards. Rewards are read as this run's table names them. */

#include "learner/train/trainer_gather.h"

#include "base/mem.h"
#include "learner/journal/scores.h"
#include "lm/model/forward.h"
#include "reward/combine.h"
#include "reward/credit.h"

#include <stdlib.h>
#include <string.h>

/* Of both answers of each pair. */
static size_t judged_tokens(const struct trainer_job *job)
{
    size_t n = 0;

    for (uint32_t i = 0; i < job->n_judged; i++)
        n += (size_t)job->judged[i].better->n_token + job->judged[i].other->n_token;
    return n;
}

size_t trainer_gather_room(const struct trainer_job *job)
{
    return 2 * (size_t)job->tokens + judged_tokens(job);
}

/* Reference log-probabilities of one answer, [n] at `out`. */
static enum err refer(const struct trainer_gather *g, const struct prompt *prompt,
                      const struct record_sample *s, float *out)
{
    const int n = (int)(prompt->n_token + s->n_token), seq[2] = {0, n};
    int *token = mem_new((size_t)n, sizeof *token);
    float *logprob = mem_new((size_t)n, sizeof *logprob);
    enum err err;

    /* one sequence at a time, as a rewarder scores it: the same bits whoever computes them */
    memcpy(token, prompt->token, prompt->n_token * sizeof *token);
    memcpy(token + prompt->n_token, s->token, s->n_token * sizeof *token);
    err = forward_score(g->reference, token, seq, 1, (float)g->iteration->temperature, logprob,
                        NULL, NULL);
    memcpy(out, logprob + prompt->n_token, s->n_token * sizeof *out);
    free(logprob);
    free(token);
    return err;
}

/* As the iteration wants them: by (task, sample). */
static int by_name(const void *a, const void *b)
{
    const struct iteration_rollout *const x = a, *const y = b;

    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

/* The record's own answer beside the one that the fleet wrote. */
static struct iteration_rollout demonstration(const struct record_sample *s,
                                              const struct prompt *p)
{
    return (struct iteration_rollout){.task = s->task,
                                      .sample = s->sample + 1, /* the task's second */
                                      .prompt = p->token,
                                      .n_prompt = (int)p->n_token,
                                      .token = p->answer,
                                      .n_token = (int)p->n_answer,
                                      .span = s->span,
                                      .n_span = s->n_span,
                                      .ended = true};
}

/* All but its scores. Moves *block on where the answer came without the reference. */
static enum err written(const struct trainer_gather *g, const struct record_sample *s,
                        const struct prompt *p, struct iteration_rollout *out, float **block)
{
    const struct reward_answer answer = scores_of(g->rewards, s);
    enum err err;

    *out = (struct iteration_rollout){.task = s->task,
                                      .sample = s->sample,
                                      .prompt = p->token,
                                      .n_prompt = (int)p->n_token,
                                      .token = s->token,
                                      .n_token = (int)s->n_token,
                                      .mask = s->mask,
                                      .behaviour = s->logprob,
                                      .reference = combine_reference(g->rewards, &answer),
                                      .span = s->span,
                                      .n_span = s->n_span,
                                      .ended = s->end == ROLLOUT_STOP};
    if (!g->reference || out->reference)
        return OK;
    err = refer(g, p, s, *block);
    out->reference = *block;
    *block += s->n_token;
    return err;
}

/* Behind all others; each one's own iteration has taken its score. */
static enum err pairs(const struct trainer_gather *g, const struct trainer_job *job,
                      struct iteration_rollout *rollout, float *block)
{
    enum err err = OK;

    for (uint32_t i = 0; i < job->n_judged && !err; i++) {
        const struct trainer_judged *const pair = &job->judged[i];
        err = written(g, pair->better, pair->prompt, &rollout[2 * i], &block);
        if (!err)
            err = written(g, pair->other, pair->prompt, &rollout[2 * i + 1], &block);
    }
    return err;
}

enum err trainer_gather(const struct trainer_gather *g, const struct trainer_job *job,
                        struct iteration_rollout *rollout, float *block, double *part)
{
    const struct rewards *const rewards = g->rewards;
    const bool own = g->iteration->self_reference;
    float *const pair_block = block + job->tokens, *dense = pair_block + judged_tokens(job);
    const size_t parts = (size_t)rewards->n;
    enum err err = OK;

    for (uint32_t i = 0; i < job->n && !err; i++) {
        const struct record_sample *s = job->sample[i];
        const struct reward_answer answer = scores_of(rewards, s);
        if (own)
            rollout[job->n + i] = demonstration(s, job->prompt[i]);
        err = written(g, s, job->prompt[i], &rollout[i], &block);
        rollout[i].score = combine_score(rewards, &answer);
        rollout[i].dense = credit_dense(rewards, &answer, dense) ? dense : NULL;
        rollout[i].part = part + i * parts;
        dense += s->n_token;
        for (size_t k = 0; k < parts; k++)
            part[i * parts + k] = combine_value(rewards, (int)k, &answer);
    }
    if (own) /* each beside the answer to the same prompt */
        qsort(rollout, 2 * (size_t)job->n, sizeof *rollout, by_name);
    return err ? err : pairs(g, job, rollout + (own ? 2 : 1) * (size_t)job->n, pair_block);
}
