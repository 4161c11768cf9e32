/* drover eval bias: what sways a judge beside the answers: their place, their length, whose
 * they are. Bradley-Terry with covariates (stats/bradley.h) over votes.
 *
 * Records: {"prompt", "a", "b"}, maybe "model_a" and "model_b" (who wrote them). Votes come
 * from a judge given as `by`, asked in both orders, or from the records' "verdict" ("a", "b",
 * "tie"; a was shown first).
 *
 * How it works: each vote is a row with who was shown first, the log of the lengths' ratio and
 * whether one of the two is the judge's own; the fit gives an effect for each, beside the
 * strength of the models. The judge's own liking can only be told from the strength of its
 * answers when others vote as well: with one voter that effect is left out, and said so. */
#include "base/mem.h"
#include "base/say.h"
#include "eval/eval.h"
#include "reward/judge/transcript.h"
#include "stats/bradley.h"
#include "stats/kendall.h"
#include "stats/share.h"
#include "stats/student.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 32, EFFECTS = 3, POSITION = 0, LENGTH = 1, SELF = 2 };
static const char *const names[EFFECTS] = {"shown first", "log of length ratio", "judge's own"};
static const char *const keys[EFFECTS] = {"position", "length", "self"};

/* The votes so far and whose they are. */
struct bias {
    const struct eval_conf *conf;
    struct dataset *set;
    struct evaluator *evaluator; /* NULL: the records hold the verdicts */
    struct eval_out out;         /* a line a vote */
    char *model[BRADLEY_ITEMS_MAX];
    int models, effects;
    bool own;      /* some vote is about the voter's own answer and another's */
    bool stranger; /* there is more than one voter */
    char *voter;   /* of the first vote */
    struct bradley_row *row;
    uint32_t *prompt; /* [rows] which record */
    size_t rows, records, unheard;
};

/* Its number, a new one at first sight; -1: more than the fit can hold. */
static int model_of(struct bias *b, const json_t *record, const char *key)
{
    const char *name = json_string_value(json_object_get(record, key));

    if (!name)
        name = "?";
    for (int i = 0; i < b->models; i++)
        if (!strcmp(b->model[i], name))
            return i;
    if (b->models == BRADLEY_ITEMS_MAX)
        return -1;
    b->model[b->models] = mem_text(name);
    return b->models++;
}

/* One vote: share of first's win, NAN for none. */
static void vote(struct bias *b, const char *judge, const int who[2], const size_t length[2],
                 bool swapped, double first)
{
    const int i = swapped, j = !swapped;
    struct bradley_row *row = &b->row[b->rows];
    int own = 0;

    if (isnan(first)) {
        b->unheard++;
        return;
    }
    if (*judge)
        own = !strcmp(b->model[who[i]], judge) - !strcmp(b->model[who[j]], judge);
    *row = (struct bradley_row){.first = who[i],
                                .second = who[j],
                                .wins = first > 0.5,
                                .losses = first < 0.5,
                                .ties = first == 0.5};
    row->x[POSITION] = 1;
    row->x[LENGTH] = log((1. + (double)length[i]) / (1. + (double)length[j]));
    row->x[SELF] = own;
    b->own |= own != 0;
    b->prompt[b->rows++] = (uint32_t)b->records;
}

/* Who voted: the record says, else judge_name. */
static const char *judge_of(struct bias *b, const json_t *record)
{
    const char *name = json_string_value(json_object_get(record, "judge"));

    if (!name)
        name = b->conf->judge_name ? b->conf->judge_name : "";
    if (!b->voter)
        b->voter = mem_text(name);
    b->stranger |= strcmp(b->voter, name) != 0;
    return name;
}

/* The verdict that a record brings: P(a wins); NAN without one. */
static double told(const json_t *record)
{
    const char *verdict = json_string_value(json_object_get(record, "verdict"));

    return !verdict                  ? NAN
           : !strcmp(verdict, "a")   ? 1
           : !strcmp(verdict, "b")   ? 0
           : !strcmp(verdict, "tie") ? 0.5
                                     : NAN;
}

/* One vote as `drover rank` reads it; swapped: b was shown first. */
static enum err put(struct bias *b, const json_t *record, const char *judge, bool swapped,
                    double first)
{
    static const char *const kept[] = {"prompt", "a", "b", "model_a", "model_b"};
    const double a = swapped ? 1 - first : first;
    json_t *line;

    if (!b->conf->output || !*b->conf->output)
        return OK;
    line = json_object();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (json_object_get(record, kept[i]))
            json_object_set(line, kept[i], json_object_get(record, kept[i]));
    json_object_set_new(line, "first", json_string(swapped ? "b" : "a"));
    json_object_set_new(line, "verdict",
                        isnan(first) ? json_null()
                        : a == 0.5   ? json_string("tie")
                                     : json_string(a > 0.5 ? "a" : "b"));
    if (*judge)
        json_object_set_new(line, "judge", json_string(judge));
    return eval_line(&b->out, line);
}

/* One record, one vote or, asked in both orders, two. */
static enum err judge_one(struct bias *b, const json_t *record)
{
    const int who[2] = {model_of(b, record, "model_a"), model_of(b, record, "model_b")};
    const json_t *prompt = json_object_get(record, "prompt");
    char *a = transcript_of(json_object_get(record, "a"));
    char *z = transcript_of(json_object_get(record, "b"));
    struct judge_result r = {.first = {told(record), NAN}};
    int bad;
    enum err err = OK;

    if (!a || !z || !prompt || who[0] < 0 || who[1] < 0)
        err = err_set(ERR_PARSE, "expected prompt, a and b, and at most %d models",
                      BRADLEY_ITEMS_MAX);
    else if (b->evaluator)
        err = evaluator_compare(
            b->evaluator, &(struct evaluator_item){prompt, NULL, a, 0, true, NULL, NULL, NULL},
            &(struct evaluator_item){prompt, NULL, z, 0, true, NULL, NULL, NULL}, 1, &r, NULL,
            &bad);
    else if (isnan(r.first[0]))
        err =
            err_set(ERR_PARSE, "verdict: expected \"a\", \"b\" or \"tie\", or a judge as `by`");
    if (!err) {
        const size_t length[2] = {strlen(a), strlen(z)};
        const char *judge = judge_of(b, record);
        vote(b, judge, who, length, false, r.first[0]);
        err = put(b, record, judge, false, r.first[0]);
        if (b->evaluator) {
            vote(b, judge, who, length, true, r.first[1]);
            err = err ? err : put(b, record, judge, true, r.first[1]);
        }
        b->records++;
    }
    free(a);
    free(z);
    return err;
}

/* All votes. */
static enum err gather(struct bias *b)
{
    const struct dataset_conf how = {.name = b->conf->dataset,
                                     .train = "test",
                                     .test = "",
                                     .test_size = NAN,
                                     .strict = true};
    const size_t most = (size_t)b->conf->max_samples;
    struct dataset *none = NULL;
    enum err err = how.name && *how.name ? dataset_load(&b->set, &none, &how)
                                         : err_set(ERR_RANGE, "which votes? say dataset=FILE");

    dataset_free(none);
    if (!err && b->conf->by)
        err = evaluator_open(&b->evaluator, b->conf->by, "by");
    if (!err && b->evaluator && !evaluator_compares(b->evaluator))
        err = err_set(ERR_RANGE, "by: %s scores answers one by one: it cannot like a place",
                      evaluator_name(b->evaluator));
    if (err)
        return err;
    b->row = mem_new(2 * b->set->n, sizeof *b->row);
    b->prompt = mem_new(2 * b->set->n, sizeof *b->prompt);
    for (size_t i = 0; i < b->set->n && (!most || i < most) && !err; i++) {
        json_t *row = NULL;

        err = dataset_record(&row, b->set, i);
        if (!err)
            err = judge_one(b, row);
        json_decref(row);
        if (err)
            err = dataset_at(b->set, i);
    }
    return err;
}

/* No model is the yardstick: strengths sum to 0. */
static struct bradley_conf how_of(const struct bias *b, bool covariates)
{
    return (struct bradley_conf){.items = b->models,
                                 .effects = covariates ? b->effects : 0,
                                 .reference = -1,
                                 .penalty = b->conf->penalty};
}

/* An effect where record i counts times[i]: for the interval that draws whole prompts. It is
 * Student's with the draws' deviation: an effect is a logarithm of odds and no share, and 200
 * draws are too few for their quantiles (which cover .91 with 60 records; this .97). Where more
 * than a tenth of the draws are one-sided there is none. */
struct drawn {
    const struct bias *bias;
    int effect;
    struct bradley_row *row;
};

/* One draw of the bootstrap: records, with both their votes, are drawn again. */
static double drawn_effect(const void *self, const uint32_t *times)
{
    const struct drawn *d = self;
    const struct bias *b = d->bias;
    const struct bradley_conf how = how_of(b, true);
    struct bradley fit;
    double value;

    for (size_t r = 0; r < b->rows; r++) {
        const double n = times[b->prompt[r]];
        d->row[r] = b->row[r];
        d->row[r].wins *= n;
        d->row[r].losses *= n;
        d->row[r].ties *= n;
    }
    if (bradley_fit(&fit, d->row, b->rows, &how))
        return NAN;
    value = fit.effect[d->effect];
    bradley_fini(&fit);
    return value;
}

/* With the fit's own error, which takes votes for independent, and with the one by records. */
static void tell_effect(const struct bias *b, const struct bradley *fit, int k, json_t *figures)
{
    const struct bootstrap_conf how = {
        BOOTSTRAP_PERCENTILE, (uint32_t)(b->conf->resamples < 200 ? b->conf->resamples : 200),
        0.95, (uint64_t)b->conf->sampling.seed};
    struct drawn drawn = {b, k, mem_new(b->rows, sizeof *drawn.row)};
    const double value = fit->effect[k], se = fit->effect_se[k];
    struct bootstrap got = {0};
    const bool bad =
        b->records < 2 || bootstrap_run(&got, b->records, drawn_effect, &drawn, &how);
    const double half = bad ? 0 : got.se * student_quantile(.975, (double)b->records - 1);

    printf("%-22s %+8.3f  s.e. %.3f  z %+6.2f", names[k], value, se, value / se);
    got.low = value - half;
    got.high = value + half;
    if (!bad)
        printf("  by prompt [%+.3f, %+.3f]", got.low, got.high);
    if (k == POSITION)
        printf("  P(first) %.3f", 1 / (1 + exp(-value)));
    printf("\n");
    if (!bad)
        eval_put(figures, keys[k], &got);
    json_object_set_new(figures, keys[k], json_real(value));
    {
        char *key = mem_print("%s_se", keys[k]);
        json_object_set_new(figures, key, json_real(se));
        free(key);
    }
    free(drawn.row);
}

/* Strengths beside those that a fit without the covariates gives: where the order changes, the
 * bias decided who won. */
static void tell_models(const struct bias *b, const struct bradley *fit, json_t *figures)
{
    const struct bradley_conf how = how_of(b, false);
    struct bradley naive;
    json_t *list = json_array();

    if (b->models < 2 || bradley_fit(&naive, b->row, b->rows, &how)) {
        json_decref(list);
        return;
    }
    printf("%-22s %10s %8s %18s\n", "model", "strength", "s.e.", "as voted");
    for (int i = 0; i < b->models; i++) {
        say(stdout, "%-22.22s %+10.3f %8.3f %+18.3f\n", b->model[i], fit->strength[i],
            fit->strength_se[i], naive.strength[i]);
        json_array_append_new(list,
                              json_pack("{s:s,s:f,s:f,s:f}", "model", b->model[i], "strength",
                                        fit->strength[i], "se", fit->strength_se[i], "as_voted",
                                        naive.strength[i]));
    }
    if (b->models > 2)
        printf("%-22s %.2f (1: the bias changes no rank)\n", "Kendall's tau",
               kendall_tau(fit->strength, naive.strength, (size_t)b->models));
    json_object_set_new(figures, "models", list);
    bradley_fini(&naive);
}

/* How often the votes that decide go to what `effect` is of: the answer shown first, the longer
 * one. A share needs no fit, and is all there is where every vote goes one way. */
static void tell_share(const struct bias *b, int effect, json_t *figures)
{
    static const char *const words[] = {"first chosen", "longer chosen"};
    double *went = mem_new(b->rows + 1, sizeof *went);
    uint32_t *of = mem_new(b->rows + 1, sizeof *of);
    struct share share;
    size_t n = 0;

    for (size_t r = 0; r < b->rows; r++) {
        const struct bradley_row *row = &b->row[r];

        if (row->ties > 0 || row->x[effect] == 0)
            continue;
        went[n] = (row->wins > 0) == (row->x[effect] > 0);
        of[n++] = b->prompt[r];
    }
    if (n && !share_mean(&share, went, of, n, 1, 0.95)) {
        const struct bootstrap as = {
            .estimate = share.estimate, .low = share.low, .high = share.high};

        printf("%-22s %.3f [%.3f, %.3f] of %zu votes that decide\n", words[effect],
               share.estimate, share.low, share.high, n);
        eval_put(figures, effect == POSITION ? "first_chosen" : "longer_chosen", &as);
    }
    free(went);
    free(of);
}

/* A judge that always takes what is shown first, as small models do, has no finite odds for it: that
 * is a finding about the judge, and no error. */
static void tell_one_sided(const struct bias *b, json_t *figures)
{
    printf(
        "no effects: odds without bound: one of these decides every vote (or some model never "
        "won, or never lost: penalty=0.1)\n");
    for (int k = 0; k < b->effects; k++)
        json_object_set_new(figures, keys[k], json_null());
    json_object_set_new(figures, "why", json_string("no finite maximum"));
}

/* Shares, the fit, then effects and strengths. */
static enum err tell(struct bias *b, json_t *figures)
{
    struct bradley_conf how;
    struct bradley fit;
    enum err err;

    b->effects = b->own && b->stranger ? EFFECTS : EFFECTS - 1;
    if (b->own && !b->stranger)
        say(stdout,
            "%-22s cannot be told from the strength of %s's answers with one voter: give "
            "others' votes too (column judge)\n",
            names[SELF], b->voter);
    how = how_of(b, true);
    printf("%-22s %zu on %zu records; %zu orders without a verdict\n", "votes", b->rows,
           b->records, b->unheard);
    json_object_set_new(figures, "votes", json_integer((json_int_t)b->rows));
    json_object_set_new(figures, "without_verdict", json_integer((json_int_t)b->unheard));
    tell_share(b, POSITION, figures);
    tell_share(b, LENGTH, figures);
    err = bradley_fit(&fit, b->row, b->rows, &how);
    if (err == ERR_RANGE && b->rows) {
        tell_one_sided(b, figures);
        return OK;
    }
    if (err)
        return err;
    for (int k = 0; k < b->effects; k++)
        tell_effect(b, &fit, k, figures);
    tell_models(b, &fit, figures);
    bradley_fini(&fit);
    return OK;
}

enum err eval_bias(const struct eval_conf *conf)
{
    struct bias *b = mem_new(1, sizeof *b);
    json_t *figures = json_object();
    struct eval_out out;
    enum err err;

    b->conf = conf;
    b->out.conf = conf;
    err = gather(b);
    if (!err)
        err = tell(b, figures);
    out = b->out;
    for (int i = 0; i < b->models; i++)
        free(b->model[i]);
    free(b->voter);
    free(b->row);
    free(b->prompt);
    evaluator_close(b->evaluator);
    dataset_free(b->set);
    free(b);
    return eval_end(&out, figures, err);
}
