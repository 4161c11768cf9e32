/* rewards: the `rewards:` list of a configuration as scorers, and scores as one number.
 *
 *   {name: rm, model: FOLDER, weight: 1.0, normalize: true}
 *   {name: prm, model: FOLDER, steps: dense, step_separator: "\n"}
 *   {name: short, rule: length, max: 60, weight: 0.2}
 *   {name: ai, judge: FOLDER, template: FILE, mode: pairwise}
 *   {name: mine, worker: my_reward, weight: 0.3, timeout: 20s}
 *
 * A reward model; a process reward model; a rule (judge/rule.h); a judge (judge/judge.h:
 * pairwise is the share of its group that an answer beats); any process of that name.
 *
 * steps says what the steps' P(right) become. min, product, last and mean are one number of the
 * answer. The others are credited step by step by ppo, grpo and reinforce++ (advantage_ppo.h,
 * group.h), elsewhere their sum counts (rloo refuses them): dense is P(right) of each step at
 * the token that ends it; potential the same less that of the step before, so that more steps
 * are no gain by themselves; worst the least P(right), where it is.
 *
 * The score of an answer is sum weight x value. A normalised value is (value - mean) / std over
 * the answers of the evaluation before training: a scale that is fixed for the run. */

#ifndef LEARNER_JOURNAL_REWARDS_H
#define LEARNER_JOURNAL_REWARDS_H

#include "learner/journal/record.h"

#include <jansson.h>

enum { REWARDS_MAX = 16, REWARDS_NAME = 64 };

/* What a process reward model's steps become; the first as in lm/text/steps.h. */
enum rewards_steps {
    REWARDS_MIN,
    REWARDS_PRODUCT,
    REWARDS_LAST,
    REWARDS_MEAN,
    REWARDS_DENSE,
    REWARDS_POTENTIAL,
    REWARDS_WORST,
    REWARDS_NO_STEPS
};

struct reward {
    char name[REWARDS_NAME];
    double weight;
    bool normalize;
    enum scorer_kind kind;
    char *model;              /* path; SCORER_REWARD_MODEL, SCORER_JUDGE */
    char *worker;             /* SCORER_WORKER */
    char *spec, *column;      /* SCORER_RULE, SCORER_JUDGE; column may be NULL */
    enum rewards_steps steps; /* REWARDS_NO_STEPS: it is no process reward model */
    bool group;               /* about all answers of a task at once */
    uint32_t timeout_ms;
    double mean, std; /* 0 and 1 until rewards_measure */
    struct hash scorer;
};

struct rewards {
    struct reward reward[REWARDS_MAX];
    int n;
    bool text;                            /* some scorer reads text */
    bool judge;                           /* some scorer is a judge */
    bool normalize;                       /* some value is normalised */
    bool reference;                       /* a scorer gives reference log-probabilities */
    int soft_max, soft_cache;             /* of rewards_overlong; set by the method */
    struct scorer table[REWARDS_MAX + 1]; /* after rewards_table */
    int scorers;
};

/* `none`: there need be no reward. `list` is the configuration's (values are strings), or NULL;
 * `model` is short for a first entry {name: rm, model: ...}, or NULL. Errors: ERR_PARSE,
 * ERR_RANGE name entry and key. */
enum err rewards_read(struct rewards *out, const json_t *list, const char *model,
                      bool none) MUST_CHECK;
void rewards_fini(struct rewards *rewards);

/* TRL's reward_funcs (a list of names, or one) as entries behind those of `list` (may be NULL):
 * accuracy_reward and reasoning_accuracy_reward compare the last number with column `solution`,
 * think_format_reward is a pattern; *overlong: get_soft_overlong_punishment is among them. The
 * result is the caller's. Errors: ERR_PARSE, ERR_RANGE (another function: it is Python). */
enum err rewards_functions(json_t **out, const json_t *list, const json_t *functions,
                           bool *overlong) MUST_CHECK;

/* Columns of the data that rules read. */
size_t rewards_columns(const struct rewards *rewards, const char *out[REWARDS_MAX]);

/* The table of scorers. `card`, `image` [n]: artifacts of the reward models, zero for others;
 * with `reference` a last row gives log-probabilities under the model of those two. */
void rewards_table(struct rewards *rewards, const struct hash *card, const struct hash *image,
                   const struct hash *reference_card, const struct hash *reference_image);

/* Whether the sample has every score of the table, as many values as it should, all finite.
 * Errors: ERR_RANGE; *scorer: whose score it is about. */
enum err rewards_check(const struct rewards *rewards, const struct record_sample *sample,
                       const struct hash **scorer) MUST_CHECK;

/* Does one of the table's scorers judge all answers to a prompt at once? */
bool rewards_check_grouped(const struct rewards *rewards);

/* The punishment of an answer of n tokens: 0 up to most - cache, falling to -1 at most; cache
 * 0: none.  Yu et al. 2025, arXiv:2503.14476, eq. 13. */
double rewards_overlong(int n, int most, int cache);

/* Whether answers to one prompt are all worth the same by every reward, ended alike, and are
 * punished alike for their length. */
bool rewards_flat(const void *rewards, const struct record_sample *const *answer, uint32_t n);

/* What of the score belongs to the tokens that end steps: out [sample->n], each value part of
 * rewards_score; NaN where no step ends. False when no reward gives any. */
bool rewards_steps_dense(const struct rewards *rewards, const struct record_sample *sample,
                         float *out);
/* Of value [n] at an answer's tokens, -1 where no step ends: rewards_value of such a reward. */
double rewards_steps_value(enum rewards_steps how, const float *value, uint32_t n);
/* The first reward that is credited by steps; NULL: none is. */
const char *rewards_steps_any(const struct rewards *rewards);
/* The weights of those over the weights of the others (absolute); 1 without others. */
double rewards_steps_share(const struct rewards *rewards);

/* One reward's raw value (of steps: their sum), and all of them as one score. */
double rewards_value(const struct rewards *rewards, int i, const struct record_sample *sample);
double rewards_score(const struct rewards *rewards, const struct record_sample *sample);
/* The share of what a judge was asked about it that got no verdict; 0 of other kinds. */
double rewards_unheard(const struct rewards *rewards, int i,
                       const struct record_sample *sample);
/* [sample->n] nats; NULL when the table has no reference. */
const float *rewards_reference(const struct rewards *rewards,
                               const struct record_sample *sample);

/* Fixes means and deviations from these answers, in their order: value[i * n + k] is reward
 * i of answer k. A reward that is the same for all keeps its scale. */
void rewards_measure(struct rewards *rewards, const double *value, size_t n);

#endif
