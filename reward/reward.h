/* reward: what an answer is worth, and who says so: the `rewards:` list of a configuration.
 *
 *   {name: rm, model: FOLDER, weight: 1.0, normalize: true}      a reward model
 *   {name: rm, model: FOLDER, people: true}                      one that people teach meanwhile
 *   {name: prm, model: FOLDER, steps: dense}                     a process reward model
 *   {name: short, rule: length, max: 60, weight: 0.2}            a rule: rule/rule.h
 *   {name: ai, judge: FOLDER, template: FILE, mode: pairwise}    a judge: judge/judge.h
 *   {name: rm, model: FOLDER, compute: bfloat16}   (or int8)      what its model computes in
 *   {name: mine, worker: my_reward, weight: 0.3, timeout: 20s}   any process of that name
 *
 * Each entry is of one kind (reward/reward_kind.h), which reads its own keys; name, weight,
 * normalize and timeout go with all. What becomes of the scores: reward/combine.h; of the steps
 * of a process reward model: reward/credit.h; what a fleet is told: reward/scorers.h. */

#ifndef REWARD_REWARD_H
#define REWARD_REWARD_H

#include "lm/model/precision.h"
#include "proto/limit.h"
#include "proto/noun.h"

#include <jansson.h>

enum { REWARDS_MAX = MAX_REWARDS, REWARDS_NAME = 64 };

/* What a process reward model's steps become; the first as in lm/text/steps.h. */
enum reward_steps {
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
    bool people; /* a reward model that people teach while the run goes on */
    enum scorer_kind kind;
    char *model;             /* path of the model that scores, of a kind that needs one */
    enum precision compute;  /* what that model computes in; float32 unless it says another */
    char *worker;            /* the name that the process registers under */
    char *spec;              /* what travels to who scores, JSON; NULL: nothing does */
    char *column;            /* of the record, that it reads; or NULL */
    enum reward_steps steps; /* REWARDS_NO_STEPS: it is no process reward model */
    bool group;              /* about all answers of a task at once */
    uint32_t timeout_ms;
    double mean, std; /* 0 and 1 until combine_measure */
    struct hash scorer;
};

struct rewards {
    struct reward reward[REWARDS_MAX];
    int n;
    bool text;                            /* some scorer reads text */
    bool question;                        /* some scorer reads a dialogue's messages */
    bool normalize;                       /* some value is normalised */
    bool reference;                       /* a scorer gives reference log-probabilities */
    int soft_max, soft_cache;             /* of combine_overlong; set by the method */
    struct scorer table[REWARDS_MAX + 1]; /* after scorers_table */
    int n_table;
};

/* `none`: there need be no reward. `list` is the configuration's (values are strings), or NULL;
 * `model` is short for a first entry {name: rm, model: ...}, or NULL. Errors: ERR_PARSE,
 * ERR_RANGE, ERR_IO (a template) name entry and key. */
enum err rewards_read(struct rewards *out, const json_t *list, const char *model,
                      bool none) MUST_CHECK;
void rewards_fini(struct rewards *rewards);

/* One entry that stands alone, as `drover eval` and `data filter` take it: without weight,
 * normalize and timeout, and of a kind that scores here. Errors: as rewards_read's; ERR_STATE:
 * it names no kind that does, or several (no words: the caller knows what else there is). */
enum err reward_alone(struct reward *out, const json_t *entry) MUST_CHECK;
void reward_fini(struct reward *reward);

/* A reward model with a value for each token: a critic may begin as it. What reads steps has
 * none. */
bool reward_values_states(const struct reward *reward);

/* Whether the reward can read its column of a record, whose other columns are `meta`. *lacks:
 * what the column has none of so that no answer can be right ("no number"); NULL: nothing, or
 * it reads no column. Errors: ERR_RANGE names the column. */
enum err reward_column_check(const struct reward *reward, const json_t *meta,
                             const char **lacks) MUST_CHECK;

#endif
