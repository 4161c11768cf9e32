/* feed: what a test gives to PPO's iteration: the rollouts and keys of ppo_steps.py. */

#ifndef TESTS_LEARNER_FEED_H
#define TESTS_LEARNER_FEED_H

#include "learner/iteration/iteration.h"
#include "learner/iteration/iteration_state.h"
#include "tests/golden/ppo_steps.inc"
#include "tests/learner/planned.h"
#include "tests/lm/small.h"

enum { ROWS = GOLDEN_ROWS, TOKENS = GOLDEN_TOKENS };

/* What an iteration is fed with. */
struct feed {
    int prompt[ROWS][16], token[ROWS][16];
    float behaviour[TOKENS], reference[TOKENS];
    struct iteration_rollout rollout[ROWS];
};

static inline void feed_fill(struct feed *feed, int iteration)
{
    for (int s = 0, at = 0; s < ROWS; at += golden_answer[s], s++) {
        const uint32_t stream = (uint32_t)(100 * iteration + s);
        for (uint32_t i = 0; i < (uint32_t)golden_prompt[s]; i++)
            feed->prompt[s][i] = formula_token(i, stream, small_shape[0].vocab);
        for (uint32_t i = 0; i < (uint32_t)golden_answer[s]; i++)
            feed->token[s][i] = formula_token(i, stream + 50, small_shape[0].vocab);
        feed->rollout[s] = (struct iteration_rollout){.task = 10 + (uint64_t)s / 2,
                                                      .sample = (uint32_t)s % 2,
                                                      .prompt = feed->prompt[s],
                                                      .n_prompt = golden_prompt[s],
                                                      .token = feed->token[s],
                                                      .n_token = golden_answer[s],
                                                      .behaviour = feed->behaviour + at,
                                                      .reference = feed->reference + at,
                                                      .ended = s % 3 != 2};
    }
}

static inline void feed_golden(struct feed *feed, int c, int iteration)
{
    feed_fill(feed, iteration);
    memcpy(feed->behaviour, golden[c].iteration[iteration].behaviour, sizeof feed->behaviour);
    memcpy(feed->reference, golden[c].iteration[iteration].reference, sizeof feed->reference);
    for (int s = 0; s < ROWS; s++)
        feed->rollout[s].score = golden[c].iteration[iteration].score[s];
}

/* The answers' log-probabilities under an image (NULL: of the policy), one after another. */
static inline void feed_score(const struct feed *feed, const struct iteration_state *iteration,
                              const float *image, double temperature, float *out)
{
    struct model *model;
    size_t bytes;
    const float *const own = iteration_image(iteration, &bytes);

    assert_ok(
        model_new(&model, &iteration_policy(iteration)->shape, image ? image : own, bytes));
    for (int s = 0; s < ROWS; out += golden_answer[s], s++) {
        const int p = golden_prompt[s], n = golden_answer[s], seq[] = {0, p + n};
        int token[32];
        float logprob[32];
        memcpy(token, feed->prompt[s], (size_t)p * sizeof(int));
        memcpy(token + p, feed->token[s], (size_t)n * sizeof(int));
        assert_ok(forward_score(model, token, seq, 1, (float)temperature, logprob, NULL, NULL));
        memcpy(out, logprob + p, (size_t)n * sizeof(float));
    }
    model_free(model);
}

/* Behaviour: what the policy says now; reference: a little beside it. */
static inline void feed_on_policy(struct feed *feed, const struct iteration_state *ppo,
                                  double temperature, int iteration)
{
    feed_fill(feed, iteration);
    feed_score(feed, ppo, NULL, temperature, feed->behaviour);
    for (int t = 0; t < TOKENS; t++)
        feed->reference[t] = feed->behaviour[t] + .2f * formula((uint32_t)t, 9);
    for (int s = 0; s < ROWS; s++)
        feed->rollout[s].score = (double)formula((uint32_t)s, (uint32_t)(77 + iteration));
}

static inline struct params *weights(const struct shape *shape)
{
    struct small small;
    struct params *params;

    small_new(&small, shape);
    params = small.params;
    small.params = NULL;
    small_free(&small);
    return params;
}

static inline struct iteration_state *fresh(const struct iteration_conf *conf)
{
    struct iteration_state *ppo;

    assert_ok(iteration_new(&ppo, conf, weights(&small_shape[0]), weights(&small_shape[3])));
    return ppo;
}

static inline double metric(const struct iteration_metrics *metrics, const char *name)
{
    for (int i = 0; i < metrics->n; i++)
        if (!strcmp(metrics->metric[i].name, name))
            return metrics->metric[i].value;
    fail_msg("no metric %s", name);
    return 0;
}

/* `more`: words behind those of case c. */
static inline struct iteration_conf golden_with(int c, const char *more)
{
    static const char *const own[] = {
        "critic_warmup=0",
        "kl_estimator=k3;kl_coef=.2;target_kl=.3;kl_horizon=100;whiten_rewards=true;gamma=.99;"
        "lam=.9;missing_eos_penalty=1;entropy_coef=.01;temperature=1.3;num_ppo_epochs=3;"
        "cliprange=.15;cliprange_value=.3;vf_coef=.5",
        "kl_estimator=k2;kl_coef=.1;missing_eos_penalty=.5;temperature=1;lam=1;"
        "num_ppo_epochs=2;cliprange=.1;cliprange_value=.1;vf_coef=1"};

    return planned("ppo", 2,
                   "learning_rate=3e-4;critic_learning_rate=6e-4;critic_warmup=0;"
                   "per_device_train_batch_size=4;%s;%s",
                   own[c], more ? more : "critic_warmup=0");
}

static inline struct iteration_conf golden_conf(int c)
{
    return golden_with(c, NULL);
}

#endif
