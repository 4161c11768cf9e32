/* drover eval kl: how far a model has moved from a reference, on its own answers.
 *
 * How it works: the model answers each prompt once, then both models read each answer
 * (divergence.c). The whole-vocabulary sum is the figure to trust; k1 and k3 are told beside
 * it because training logs them, and who reads a log should know how they compare. */
#include "base/mem.h"
#include "eval/divergence.h"
#include "eval/eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KINDS = 4 };
static const char *const kinds[KINDS] = {"kl", "k1", "k3", "entropy"};
static const char *const what[KINDS] = {"KL, whole vocabulary", "k1 = ln p - ln q",
                                        "k3 = q/p - 1 - ln q/p", "entropy of the model"};

/* Nats an answer with intervals over prompts, and nats a token for comparison with logs. */
static enum err tell(const struct eval_conf *conf, const struct eval_prompts *prompts,
                     const struct eval_answers *answers, const struct divergence *d,
                     json_t *figures)
{
    const size_t n = answers->n;
    double *value = mem_new(n, sizeof *value), tokens = 0;
    enum err err = OK;

    for (size_t i = 0; i < n; i++)
        tokens += answers->answer[i].tokens;
    printf("nats an answer, mean over %zu prompts [95 %%]; nats a token\n", n);
    for (int k = 0; k < KINDS && !err; k++) {
        struct bootstrap mean;
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            const double all[KINDS] = {d[i].kl, d[i].k1, d[i].k3, d[i].entropy};
            value[i] = all[k];
            sum += all[k];
        }
        err = eval_mean(&mean, conf, prompts->owner, value, n, 0);
        if (err)
            break;
        printf("%-22s %10.4f [%.4f, %.4f] %12.5f\n", what[k], mean.estimate, mean.low,
               mean.high, sum / tokens);
        eval_put(figures, kinds[k], &mean);
    }
    free(value);
    json_object_set_new(figures, "prompts", json_integer((json_int_t)n));
    eval_lengths(answers, "answers", "", figures);
    return err;
}

/* One answer with its four sums. */
static json_t *line_of(const struct eval_prompts *prompts, const struct eval_answers *answers,
                       size_t i, const struct divergence *d)
{
    return json_pack("{s:O,s:s,s:i,s:f,s:f,s:f,s:f}", "prompt", prompts->prompt[i], "answer",
                     answers->answer[i].text, "tokens", answers->answer[i].tokens, "kl", d->kl,
                     "k1", d->k1, "k3", d->k3, "entropy", d->entropy);
}

/* The reference is opened first: a wrong path should not cost a thousand answers. */
enum err eval_kl(const struct eval_conf *conf)
{
    struct eval_prompts prompts;
    struct eval_answers answers = {0};
    struct eval_out out = {conf, NULL};
    struct divergence *d = NULL;
    struct open_model reference = {0};
    json_t *figures = json_object();
    enum err err = eval_prompts(&prompts, conf);

    if (!err)
        err = open_model_all(&reference, conf->reference, HEAD_LM, conf->sampling.compute);
    if (!err)
        err = eval_answers(&answers, conf, &prompts, conf->sampling.model, NULL, 1);
    d = mem_new(answers.n + 1, sizeof *d);
    if (!err)
        err = divergence_answers(d, conf, &prompts, &answers, &reference);
    for (size_t i = 0; i < answers.n && !err; i++)
        err = eval_line(&out, line_of(&prompts, &answers, i, &d[i]));
    if (!err)
        err = tell(conf, &prompts, &answers, d, figures);
    free(d);
    open_model_close(&reference);
    eval_answers_free(&answers);
    eval_prompts_free(&prompts);
    return eval_end(&out, figures, err);
}
