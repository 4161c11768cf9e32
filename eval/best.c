/* drover eval best: what the best of n answers is worth, by a proxy and by a gold standard.
 *
 * How it works: each prompt gets `samples` answers, and the proxy and the gold score all of
 * them. For n = 1, 2, 4, ... the expected score of the one that the proxy likes best among n
 * drawn ones is computed exactly from all of them (stats/bestof.h), not by drawing. Where the
 * proxy's curve rises on while the gold's bends down, the proxy is being exploited. */
#include "base/mem.h"
#include "eval/eval.h"
#include "stats/bestof.h"

#include <math.h>
#include <stdlib.h>

/* All answers with both their scores. */
struct best {
    const struct eval_conf *conf;
    struct eval_prompts prompts;
    struct eval_answers answers;
    double *proxy, *gold;   /* [answers.n]; gold is proxy when there is none */
    bool share, gold_share; /* they are 0 or 1 */
};

/* One point of the curve: the mean over prompts, drawn again by prompt. */
static enum err point(const struct best *b, const double *gold, bool share, size_t n,
                      struct bootstrap *out)
{
    const size_t each = (size_t)b->answers.samples;
    double *value = mem_new(b->prompts.n, sizeof *value);
    enum err err = OK;

    for (size_t i = 0; i < b->prompts.n && !err; i++)
        err = bestof_mean(&value[i], b->proxy + i * each, gold + i * each, each, n);
    if (!err)
        err = eval_mean(out, b->conf, b->prompts.owner, value, b->prompts.n,
                        share ? fmax((double)each / (double)n, 1) : 0);
    free(value);
    return err;
}

/* The curve; n doubles, since the divergence grows like its logarithm. */
static enum err tell(const struct best *b, json_t *figures)
{
    const size_t most = (size_t)b->answers.samples;
    json_t *curve = json_array();
    enum err err = OK;

    printf("best of n by the proxy, %zu prompts, %zu answers each [95 %%]\n", b->prompts.n,
           most);
    printf("%6s %10s %28s %28s\n", "n", "KL at most", "proxy", "gold");
    for (size_t n = 1; n <= most && !err; n *= 2) {
        struct bootstrap proxy, gold;
        json_t *row;
        err = point(b, b->proxy, b->share, n, &proxy);
        if (!err)
            err = point(b, b->gold, b->gold_share, n, &gold);
        if (err)
            break;
        printf("%6zu %10.4f %10.4f [%.4f, %.4f] %10.4f [%.4f, %.4f]\n", n, bestof_kl(n),
               proxy.estimate, proxy.low, proxy.high, gold.estimate, gold.low, gold.high);
        row = json_pack("{s:i,s:f}", "n", (int)n, "kl", bestof_kl(n));
        eval_put(row, "proxy", &proxy);
        eval_put(row, "gold", &gold);
        json_array_append_new(curve, row);
    }
    json_object_set_new(figures, "prompts", json_integer((json_int_t)b->prompts.n));
    json_object_set_new(figures, "curve", curve);
    if (!err)
        eval_lengths(&b->answers, "answers", "", figures);
    return err;
}

/* One scorer in memory at a time. */
static enum err score(struct best *b, const json_t *who, const char *name, double **out,
                      bool *share)
{
    struct evaluator *evaluator = NULL;
    enum err err = evaluator_open(&evaluator, who, name);

    *out = mem_new(b->answers.n, sizeof **out);
    if (!err)
        err = eval_score(evaluator, &b->prompts, &b->answers, *out);
    if (!err) {
        printf("%-22s %s\n", name, evaluator_name(evaluator));
        *share = evaluator_binary(evaluator);
    }
    evaluator_close(evaluator);
    return err;
}

/* One answer. */
static json_t *line_of(const struct best *b, size_t k)
{
    return json_pack("{s:O,s:s,s:i,s:f,s:f}", "prompt",
                     b->prompts.prompt[k / (size_t)b->answers.samples], "answer",
                     b->answers.answer[k].text, "tokens", b->answers.answer[k].tokens, "proxy",
                     b->proxy[k], "gold", b->gold[k]);
}

/* Who scores is checked before the model answers: that may take an hour. */
enum err eval_best(const struct eval_conf *conf)
{
    struct best b = {.conf = conf};
    struct eval_out out = {conf, NULL};
    double *gold = NULL;
    json_t *figures = json_object();
    enum err err = eval_prompts(&b.prompts, conf);

    if (!err)
        err = evaluator_check(conf->by, "by", true);
    if (!err && conf->gold)
        err = evaluator_check(conf->gold, "gold", true);
    if (!err)
        err = eval_answers(&b.answers, conf, &b.prompts, conf->sampling.model, conf->answers,
                           conf->samples);
    open_model_close(&b.answers.loaded);
    if (!err)
        err = score(&b, conf->by, "by", &b.proxy, &b.share);
    if (!err && conf->gold)
        err = score(&b, conf->gold, "gold", &gold, &b.gold_share);
    b.gold = gold ? gold : b.proxy;
    b.gold_share = gold ? b.gold_share : b.share;
    for (size_t k = 0; k < b.answers.n && !err; k++)
        err = eval_line(&out, line_of(&b, k));
    if (!err)
        err = tell(&b, figures);
    free(b.proxy);
    free(gold);
    eval_answers_free(&b.answers);
    eval_prompts_free(&b.prompts);
    return eval_end(&out, figures, err);
}
