/* reward: a reward model from pairs, by TRL's keys and defaults.
 *
 * The model reads the score at a sequence's last token. Evaluation adds to TRL's names:
 * eval_accuracy_low, eval_accuracy_high (95 %, Wilson); eval_baseline_length, the accuracy of
 * "the longer wins" or "the shorter wins", whichever the training pairs favour; and
 * eval_baseline_majority, the better of the two on the evaluation pairs themselves. Length is
 * counted in tokens, ties half. */
#include "learner/corpus/corpus_read.h"
#include "learner/objective/objective_reward.h"
#include "learner/offline/prepare.h"
#include "stats/normal.h"

#include <math.h>

struct reward_keys {
    struct keys keys;
    struct objective_reward_conf loss;
};

static const struct conf_key table[] = {
    CONF_REAL(keys, learning_rate, "1e-4", 0, 1e3, "peak learning rate"),
    CONF_BOOL(keys, disable_dropout, "true", "lora_dropout counts as 0"),
    CONF_REAL_AT(reward_keys, loss.center, "center_rewards_coefficient", "", 0, 1e6,
                 "weight of (chosen + rejected)^2; 0.01 keeps scores near 0"),
    CONF_END};

static const struct conf_key *const tables[] = {table, keys_table_shared, keys_table_ignored,
                                                NULL};

/* Accuracy of "the longer wins" on these pairs, ties half. */
static double longer(const struct corpus *corpus)
{
    const double n = (double)corpus->n, wins = (double)corpus->longer;

    return (wins + (n - wins - (double)corpus->shorter) / 2) / n;
}

static void judge(const struct offline_job *self, const struct metrics *exact, json_t *line)
{
    const double share = metrics_mean(exact, "accuracy"), rule = longer(self->test);
    double low, high;

    if (isnan(share))
        return;
    normal_wilson(share, (double)self->test->n, 0.95, &low, &high);
    json_object_set_new(line, "eval_accuracy_low", json_real(low));
    json_object_set_new(line, "eval_accuracy_high", json_real(high));
    json_object_set_new(line, "eval_baseline_length",
                        json_real(longer(self->train) >= .5 ? rule : 1 - rule));
    json_object_set_new(line, "eval_baseline_majority", json_real(fmax(rule, 1 - rule)));
    fprintf(stderr,
            "accuracy %.3f [%.3f, %.3f] on %zu pairs; by length alone %.3f, best by length "
            "%.3f\n",
            share, low, high, self->test->n, longer(self->train) >= .5 ? rule : 1 - rule,
            fmax(rule, 1 - rule));
}

static enum err check(void *method, struct prepare *out)
{
    struct reward_keys *conf = method;

    if (!conf_has_real(conf->loss.center))
        conf->loss.center = 0;
    out->objective = &objective_reward;
    out->objective_conf = &conf->loss;
    out->head = HEAD_SCALAR;
    out->encode = corpus_read_pairs;
    out->rule.text_field = "text";
    out->judge = judge;
    return OK;
}

const struct method reward_method = {.name = "reward",
                                     .help = "a reward model from preference pairs",
                                     .tables = tables,
                                     .size = sizeof(struct reward_keys),
                                     .check = check};
