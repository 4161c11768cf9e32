/* prm: a process reward model: P(right) of each step of a solution, by TRL's keys and defaults.
 *
 * Evaluation adds to TRL's eval_loss and eval_accuracy (over all labelled steps):
 *   eval_auroc, eval_auroc_low, eval_auroc_high   how well P(wrong) tells wrong steps from
 * right ones; 95 % by drawing prompts again (stats/bootstrap.h) eval_baseline_majority accuracy
 * of always saying what most training steps are eval_baseline_length, eval_baseline_position
 * AUROC of a step's number of tokens, of its number in the solution; each in the direction that
 * the training data favour eval_steps_right, eval_steps_wrong   how many were judged */
#include "base/mem.h"
#include "learner/corpus/corpus_steps.h"
#include "learner/objective/objective_prm.h"
#include "learner/offline/prepare.h"
#include "stats/bootstrap.h"
#include "stats/roc.h"

#include <math.h>
#include <stdlib.h>

/* The judged steps of an evaluation. */
struct prm_judged {
    double *score, *length, *place; /* [n] -z: high is wrong; tokens; number in its solution */
    bool *wrong;
    uint32_t *owner; /* whose step: clusters of the bootstrap */
    size_t n, room;
};

struct prm {
    struct keys keys;
    int max_prompt_length, max_completion_length;
    char *step_separator;
    int label_steps;
    bool train_on_last_step_only;
    struct steps_rule steps;
    struct prm_judged judged;
};

static const char *const label_words[] = {"all", "first_error", NULL};

static const struct conf_key table[] = {
    CONF_REAL(keys, learning_rate, "1e-5", 0, 1e3, "peak learning rate"),
    CONF_TEXT(keys, format, "auto",
              "auto, trl, prm800k, bigbench_mistake or prmbench: what the records are"),
    CONF_INT(prm, max_prompt_length, "512", 1, 1 << 20, "last tokens of a prompt kept"),
    CONF_INT(prm, max_completion_length, "", 1, 1 << 20, "first tokens of the steps kept"),
    CONF_TEXT(prm, step_separator, "\n", "stands behind every step"),
    CONF_BOOL(prm, train_on_last_step_only, "false", "learn the last step's label alone"),
    CONF_WORD(prm, label_steps, label_words, "all",
              "all: every label; first_error: none behind the first wrong step"),
    CONF_END};

static const struct conf_key *const tables[] = {table, keys_table_shared, keys_table_ignored,
                                                NULL};

static void judged_free(struct prm_judged *j)
{
    free(j->score);
    free(j->length);
    free(j->place);
    free(j->wrong);
    free(j->owner);
    *j = (struct prm_judged){0};
}

static void judged_add(struct prm_judged *j, double score, double length, double place,
                       bool wrong, uint32_t owner)
{
    if (j->n == j->room) {
        j->room = j->room ? 2 * j->room : 1024;
        j->score = mem_grow(j->score, j->room, sizeof(*j->score));
        j->length = mem_grow(j->length, j->room, sizeof(*j->length));
        j->place = mem_grow(j->place, j->room, sizeof(*j->place));
        j->wrong = mem_grow(j->wrong, j->room, sizeof(*j->wrong));
        j->owner = mem_grow(j->owner, j->room, sizeof(*j->owner));
    }
    j->score[j->n] = score;
    j->length[j->n] = length;
    j->place[j->n] = place;
    j->wrong[j->n] = wrong;
    j->owner[j->n++] = owner;
}

/* Steps [from, to) of one solution; value NULL: for the baselines alone. */
static void take(struct prm_judged *j, const float *target, const float *value, int n,
                 uint32_t owner)
{
    int last = -1, place = 0;

    for (int i = 0; i < n; i++) {
        const float t = target[i];
        if (t < 0)
            continue;
        if (t <= 1 && !(t > .5f && t < .5f))
            judged_add(j, value ? -(double)value[i] : 0, i - last, place, t < .5f, owner);
        last = i;
        place++;
    }
}

static void see(void *self, const struct corpus *corpus, const struct objective_in *in,
                const uint32_t *record, size_t n)
{
    for (size_t i = 0; i < n; i++)
        take(self, in->target + in->seq[i], in->value + in->seq[i], in->seq[i + 1] - in->seq[i],
             corpus->owner[record[i]]);
}

static size_t wrongs(const struct prm_judged *j)
{
    size_t n = 0;

    for (size_t i = 0; i < j->n; i++)
        n += j->wrong[i];
    return n;
}

/* AUROC of `score`, half of it when a class is missing. */
static double auroc(const double *score, const struct prm_judged *j)
{
    struct roc roc;

    return roc_run(&roc, score, j->wrong, j->n) ? .5 : roc.auroc;
}

/* Clusters: judged steps by owner, each with its place in the ranking. */
struct prm_ranked {
    const struct prm_judged *judged;
    uint32_t *cluster; /* [n] */
    uint32_t *order;   /* [n] by rising score */
};

/* AUROC with cluster c counted times[c] times: Mann-Whitney over the ranking, ties half. */
static double weighted(const void *self, const uint32_t *times)
{
    const struct prm_ranked *r = self;
    const struct prm_judged *j = r->judged;
    double right = 0, wrong = 0, wins = 0;

    for (size_t i = 0, end; i < j->n; i = end) {
        double here_right = 0, here_wrong = 0;
        for (end = i; end < j->n && !(j->score[r->order[end]] > j->score[r->order[i]]); end++) {
            const uint32_t k = r->order[end];
            *(j->wrong[k] ? &here_wrong : &here_right) += times[r->cluster[k]];
        }
        wins += here_wrong * (right + here_right / 2);
        right += here_right;
        wrong += here_wrong;
    }
    return right > 0 && wrong > 0 ? wins / (right * wrong) : (double)NAN;
}

struct prm_keyed {
    double score;
    uint32_t index, owner;
};

static int by_score(const void *a, const void *b)
{
    const struct prm_keyed *x = a, *y = b;

    return (x->score > y->score) - (x->score < y->score);
}

static int by_owner(const void *a, const void *b)
{
    const struct prm_keyed *x = a, *y = b;

    return (x->owner > y->owner) - (x->owner < y->owner);
}

/* The solutions, of [clusters], that have a right step, or a wrong one. */
static double having(const struct prm_ranked *r, size_t clusters, bool wrong)
{
    bool *const has = mem_new(clusters + 1, sizeof(*has));
    double n = 0;

    for (size_t i = 0; i < r->judged->n; i++)
        if (r->judged->wrong[i] == wrong && !has[r->cluster[i]]) {
            has[r->cluster[i]] = true;
            n++;
        }
    free(has);
    return n;
}

/* From the draws' deviation (roc.h); where they all agree, of as many rows as there are
 * solutions: twenty perfect rankings are no certainty. */
static void around(struct bootstrap *out, const struct prm_ranked *r, size_t clusters)
{
    const double wrong = (double)wrongs(r->judged), right = (double)r->judged->n - wrong;

    if (out->se > 0)
        roc_interval(out->estimate, out->se, wrong, right, &out->low, &out->high);
    else
        roc_interval(out->estimate, 0, having(r, clusters, true), having(r, clusters, false),
                     &out->low, &out->high);
}

static enum err interval(struct bootstrap *out, const struct prm_judged *j, uint64_t seed)
{
    const struct bootstrap_conf conf = {
        .kind = BOOTSTRAP_PERCENTILE, .resamples = 1000, .seed = seed};
    struct prm_keyed *key = mem_new(j->n + 1, sizeof(*key));
    struct prm_ranked r = {.judged = j,
                           .cluster = mem_new(j->n + 1, sizeof(uint32_t)),
                           .order = mem_new(j->n + 1, sizeof(uint32_t))};
    size_t clusters = 0;
    enum err err;

    for (size_t i = 0; i < j->n; i++)
        key[i] = (struct prm_keyed){j->score[i], (uint32_t)i, j->owner[i]};
    qsort(key, j->n, sizeof(*key), by_owner);
    for (size_t i = 0; i < j->n; i++) {
        clusters += !i || key[i].owner != key[i - 1].owner;
        r.cluster[key[i].index] = (uint32_t)clusters - 1;
    }
    qsort(key, j->n, sizeof(*key), by_score);
    for (size_t i = 0; i < j->n; i++)
        r.order[i] = key[i].index;
    err = bootstrap_run(out, clusters, weighted, &r, &conf);
    if (!err)
        around(out, &r, clusters);
    free(key);
    free(r.cluster);
    free(r.order);
    return err;
}

/* The training steps: which way length and place point, and what most of them are. */
static struct prm_judged training(const struct corpus *c)
{
    struct prm_judged j = {0};

    for (size_t i = 0; i < c->n; i++)
        take(&j, c->target + c->seq[i], NULL, (int)(c->seq[i + 1] - c->seq[i]), c->owner[i]);
    return j;
}

static double turned(double there, double here)
{
    return there < .5 ? 1 - here : here;
}

/* Beside the AUROC what needs no model would reach: a length or a place may give steps away. */
static void judge(const struct offline_job *self, const struct metrics *exact, json_t *line)
{
    struct prm_judged *j = self->self, train = training(self->train);
    const size_t wrong = wrongs(j);
    const double accuracy = metrics_mean(exact, "accuracy");
    const double majority =
        j->n ? (double)(2 * wrongs(&train) > train.n ? wrong : j->n - wrong) / (double)j->n : 0;
    const double length = turned(auroc(train.length, &train), auroc(j->length, j));
    const double place = turned(auroc(train.place, &train), auroc(j->place, j));
    struct bootstrap got = {.estimate = auroc(j->score, j)};
    const bool sure = wrong && wrong < j->n && !interval(&got, j, (uint64_t)self->keys->seed);

    json_object_set_new(line, "eval_accuracy", json_real(accuracy));
    json_object_set_new(line, "eval_auroc", json_real(got.estimate));
    if (sure) {
        json_object_set_new(line, "eval_auroc_low", json_real(got.low));
        json_object_set_new(line, "eval_auroc_high", json_real(got.high));
    }
    json_object_set_new(line, "eval_baseline_majority", json_real(majority));
    json_object_set_new(line, "eval_baseline_length", json_real(length));
    json_object_set_new(line, "eval_baseline_position", json_real(place));
    json_object_set_new(line, "eval_steps_right", json_integer((json_int_t)(j->n - wrong)));
    json_object_set_new(line, "eval_steps_wrong", json_integer((json_int_t)wrong));
    fprintf(stderr,
            "AUROC %.3f [%.3f, %.3f] on %zu right and %zu wrong steps; by length %.3f, by "
            "position %.3f; accuracy %.3f, always the usual %.3f\n",
            got.estimate, sure ? got.low : (double)NAN, sure ? got.high : (double)NAN,
            j->n - wrong, wrong, length, place, accuracy, majority);
    judged_free(&train);
    judged_free(j);
}

static void take_rule(struct steps_rule *out, const struct prm *conf)
{
    out->separator = conf->step_separator ? conf->step_separator : "\n";
    out->max_prompt = conf_has_int(conf->max_prompt_length) ? conf->max_prompt_length : 0;
    out->max_completion =
        conf_has_int(conf->max_completion_length) ? conf->max_completion_length : 0;
    out->last_only = conf->train_on_last_step_only;
    out->first_error = conf->label_steps == 1;
}

static enum err check(void *method, struct prepare *out)
{
    struct prm *conf = method;

    *out = (struct prepare){.objective = &objective_prm,
                            .head = HEAD_STEP,
                            .encode = corpus_steps,
                            .rule.steps = &conf->steps,
                            .judge = judge,
                            .see = see,
                            .self = &conf->judged};
    take_rule(&conf->steps, conf);
    return OK;
}

static void drop(void *method)
{
    judged_free(&((struct prm *)method)->judged);
}

const struct method prm_method = {
    .name = "prm",
    .help = "a process reward model: which steps of a solution are right",
    .tables = tables,
    .size = sizeof(struct prm),
    .check = check,
    .close = drop};
