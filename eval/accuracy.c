/* drover eval accuracy: does a reward model, rule or judge prefer what people preferred?
 *
 * How it works: pairs are read as a reward model's trainer reads them; whoever is measured
 * compares the chosen answer with the rejected one. Accuracy and calibration follow from who
 * won and with which probability; of a judge that is asked in both orders the orders are told
 * apart as well, for a judge that likes what is shown first is right half the time by luck.
 * The same is told of the rule "the longer is better": a judge that knows no more than that
 * is none. */
#include "base/mem.h"
#include "data/example.h"
#include "eval/eval.h"
#include "reward/judge/transcript.h"
#include "stats/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 32 };

/* All pairs at once: the figures need them together, and a pair is small. */
struct accuracy {
    const struct eval_conf *conf;
    struct dataset *set;
    struct evaluator *evaluator;
    size_t n;
    struct example *pair;        /* [n] */
    char **text[2];              /* [n] of chosen, of rejected */
    struct judge_result *result; /* [n]; a is the chosen one */
    double *score;               /* [2 n]: chosen, then rejected; of evaluators that score */
    uint32_t *owner;             /* [n] eval_owners */
};

/* Both answers as a judge would see them; the example keeps what a reward model reads. */
static enum err read_pair(struct accuracy *a, const struct example_rule *rule)
{
    struct example *e = &a->pair[a->n];
    enum err err = dataset_example(e, a->set, a->n, rule);

    if (!err) {
        a->text[0][a->n] = transcript_of(e->chosen);
        a->text[1][a->n++] = transcript_of(e->rejected);
        if (!a->text[0][a->n - 1] || !a->text[1][a->n - 1])
            err = err_set(ERR_PARSE, "an answer that is neither text nor messages");
    }
    return err;
}

/* Any data set of preferences, HH's dialogues included. */
static enum err read_pairs(struct accuracy *a)
{
    const struct dataset_conf how = {.name = a->conf->dataset,
                                     .train = "test",
                                     .test = "",
                                     .test_size = NAN,
                                     .strict = true};
    const struct example_rule rule = {RECORD_FOR_PAIRS, "text", eval_is_hh(a->conf), NULL};
    const size_t most = (size_t)a->conf->max_samples;
    struct dataset *none = NULL;
    enum err err = how.name && *how.name ? dataset_load(&a->set, &none, &how)
                                         : err_set(ERR_RANGE, "which pairs? say dataset=FILE");

    dataset_free(none);
    if (err)
        return err;
    a->pair = mem_new(a->set->n, sizeof *a->pair);
    a->text[0] = mem_new(a->set->n, sizeof **a->text);
    a->text[1] = mem_new(a->set->n, sizeof **a->text);
    for (size_t i = 0; !err && i < a->set->n && (!most || i < most); i++) {
        err = read_pair(a, &rule);
        if (err)
            err = dataset_at(a->set, i);
    }
    return err;
}

/* Pairs of one prompt belong together in all intervals. */
static void own_pairs(struct accuracy *a)
{
    json_t **prompt = mem_new(a->n + 1, sizeof(json_t *));

    for (size_t i = 0; i < a->n; i++)
        prompt[i] = a->pair[i].prompt;
    a->owner = eval_owners(prompt, a->n);
    free(prompt);
}

static struct evaluator_item item_of(const struct accuracy *a, size_t i, int side)
{
    const struct example *e = &a->pair[i];
    const char *text = a->text[side][i];

    return (struct evaluator_item){
        e->prompt, side ? e->rejected : e->chosen, text, (int)strlen(text), true, e->meta, NULL,
        e->tools};
}

/* In windows: a judge asks a model, and memory is bounded by the window. */
static enum err ask(struct accuracy *a)
{
    enum err err = OK;

    a->result = mem_new(a->n, sizeof *a->result);
    a->score = mem_new(2 * a->n, sizeof *a->score);
    for (size_t at = 0; at < a->n && !err; at += WINDOW) {
        struct evaluator_item chosen[WINDOW] = {{0}}, rejected[WINDOW] = {{0}};
        double score[2 * WINDOW] = {0};
        const int n = a->n - at < WINDOW ? (int)(a->n - at) : WINDOW;
        int bad = 0;
        for (int i = 0; i < n; i++) {
            chosen[i] = item_of(a, at + (size_t)i, 0);
            rejected[i] = item_of(a, at + (size_t)i, 1);
        }
        err = evaluator_compare(a->evaluator, chosen, rejected, n, a->result + at, score, &bad);
        if (err)
            err = dataset_at(a->set, at + (size_t)bad);
        for (int i = 0; i < n && !err; i++) {
            a->score[at + (size_t)i] = score[i];
            a->score[a->n + at + (size_t)i] = score[n + i];
        }
    }
    return err;
}

/* 1, 1/2 or 0: ties and cases without a verdict are half right. A judge's verdict is that of
 * both orders together: the sign of what is left when the liking for a place cancels. */
static double right_of(const struct judge_result *r)
{
    return r->verdict == JUDGE_A ? 1 : r->verdict == JUDGE_B ? 0 : 0.5;
}

/* P(chosen): a scorer's by Bradley and Terry, a judge's own. */
static double chance_of(const struct accuracy *a, size_t i)
{
    if (evaluator_compares(a->evaluator))
        return isnan(a->result[i].p_a) ? 0.5 : a->result[i].p_a;
    return 1 / (1 + exp(a->score[a->n + i] - a->score[i]));
}

/* What can be said of the pair: scores, or the orders of a judge. */
static json_t *line_of(const struct accuracy *a, size_t i)
{
    static const char *const verdicts[] = {"none", "chosen", "rejected", "tie"};
    const struct judge_result *r = &a->result[i];
    json_t *line =
        json_pack("{s:i,s:s,s:f,s:f}", "row", (int)i, "verdict", verdicts[r->verdict], "right",
                  right_of(r), "p_chosen", chance_of(a, i));

    if (!evaluator_compares(a->evaluator)) {
        json_object_set_new(line, "chosen_score", json_real(a->score[i]));
        json_object_set_new(line, "rejected_score", json_real(a->score[a->n + i]));
    } else if (!isnan(r->first[0] + r->first[1])) {
        json_object_set_new(line, "p_first", json_pack("[f,f]", r->first[0], r->first[1]));
        json_object_set_new(line, "swapped", json_boolean(r->swapped));
    }
    return line;
}

/* Confidence of the preferred side against how often it is right; bins from 1/2 to 1. */
static enum err tell_calibration(const struct accuracy *a, json_t *figures)
{
    double *p = mem_new(2 * a->n, sizeof *p), *truth = p + a->n, loss = 0;
    struct calibration c;
    json_t *table = json_array();
    enum err err;

    for (size_t i = 0; i < a->n; i++) {
        const double chosen = chance_of(a, i);
        p[i] = fmax(chosen, 1 - chosen);
        truth[i] = chosen > 0.5 ? 1 : chosen < 0.5 ? 0 : 0.5;
        loss -= log(fmax(chosen, 1e-15)) / (double)a->n;
    }
    err = calibration_run(&c, p, truth, a->n, 2 * a->conf->bins);
    free(p);
    if (!err) {
        printf("%-22s ECE %.4f, largest gap %.4f, log-loss %.4f (a coin's 0.6931)\n",
               "calibration", c.ece, c.mce, loss);
        printf("%-22s %9s %10s %10s\n", "  confidence", "pairs", "said", "was right");
    }
    for (int b = 0; b < c.bins && !err; b++) {
        const struct calibration_bin *bin = &c.bin[b];
        if (!bin->n)
            continue;
        printf("  %.2f to %-12.2f %9zu %10.3f %10.3f [%.3f, %.3f]\n", bin->from, bin->to,
               bin->n, bin->mean, bin->share, bin->low, bin->high);
        json_array_append_new(table, json_pack("{s:f,s:f,s:i,s:f,s:f}", "from", bin->from, "to",
                                               bin->to, "n", (int)bin->n, "mean", bin->mean,
                                               "share", bin->share));
    }
    json_object_set_new(figures, "ece", json_real(c.ece));
    json_object_set_new(figures, "log_loss", json_real(loss));
    json_object_set_new(figures, "reliability", table);
    return err;
}

/* What was shown first wins: 1, 1/2 or 0; an order without a verdict is a tie. */
static double wins(double first)
{
    return first > 0.5 ? 1 : first < 0.5 ? 0 : 0.5;
}

/* Of one pair: first[0] with the chosen answer first, first[1] with the rejected one first. */
static double each_right(const double first[2])
{
    return (wins(first[0]) + 1 - wins(first[1])) / 2;
}

/* The strictest count: a coin for each order is right a quarter of the time. */
static double both_right(const double first[2])
{
    return each_right(first) == 1;
}

/* Both orders name the same answer, right or wrong. */
static double agree(const double first[2])
{
    return !isnan(first[0] + first[1]) && wins(first[0]) == 1 - wins(first[1]);
}

/* How often what is shown first wins: one half, if the place has no pull. */
static double first_wins(const double first[2])
{
    return (wins(first[0]) + wins(first[1])) / 2;
}

/* The same in probabilities, which see a pull that changes no verdict. */
static double first_chance(const double first[2])
{
    return isnan(first[0] + first[1]) ? 0.5 : (first[0] + first[1]) / 2;
}

/* The orders of a judge apart: its accuracy as Zeng et al. (2023, arXiv:2310.07641) count it,
 * how often the orders agree, and how much it likes what is shown first. */
static const struct {
    const char *key, *words;
    double chance; /* of a judge that throws a coin for each order; percent */
    double (*of)(const double first[2]);
    bool share; /* of right and wrong, and not a mean of probabilities */
} shares[] = {
    {"accuracy_orders", "  mean of the orders", 50, each_right, true},
    {"accuracy_both", "  both orders right", 25, both_right, true},
    {"agreement", "  the orders agree", 50, agree, true},
    {"first_chosen", "position: first wins", 50, first_wins, true},
    {"p_first", "  mean P(first)", 50, first_chance, false},
};

/* A pointwise judge has no orders, and then there is no more to tell. */
static enum err tell_orders(const struct accuracy *a, json_t *figures)
{
    double *value = mem_new(a->n, sizeof *value);
    bool both = false; /* orders were asked */
    enum err err = OK;

    printf("%-22s %ld without a verdict (%ld too long), %ld changed with the order, of %zu\n",
           "judge", evaluator_failures(a->evaluator), evaluator_too_long(a->evaluator),
           evaluator_swapped(a->evaluator), a->n);
    json_object_set_new(figures, "without_verdict",
                        json_integer(evaluator_failures(a->evaluator)));
    json_object_set_new(figures, "swapped", json_integer(evaluator_swapped(a->evaluator)));
    for (size_t i = 0; i < a->n; i++)
        both |= !isnan(a->result[i].first[0] + a->result[i].first[1]);
    for (size_t k = 0; both && k < sizeof shares / sizeof *shares && !err; k++) {
        struct bootstrap share;
        for (size_t i = 0; i < a->n; i++)
            value[i] = shares[k].of(a->result[i].first);
        err = eval_mean(&share, a->conf, a->owner, value, a->n, shares[k].share);
        if (err)
            break;
        eval_put(figures, shares[k].key, &share);
        printf("%-22s %.1f %% [%.1f, %.1f] (by coins %.0f)\n", shares[k].words,
               100 * share.estimate, 100 * share.low, 100 * share.high, shares[k].chance);
    }
    free(value);
    return err;
}

/* Of "the longer is better", in bytes of text: the share that is right, and the share of pairs
 * in which the evaluator says the same; ties half. */
static void longer(const struct accuracy *a, double *right, double *same)
{
    *right = *same = 0;
    for (size_t i = 0; i < a->n; i++) {
        const size_t c = strlen(a->text[0][i]), r = strlen(a->text[1][i]);
        const double rule = c > r ? 1 : c == r ? 0.5 : 0, said = right_of(&a->result[i]);
        *right += rule / (double)a->n;
        *same += (rule * said + (1 - rule) * (1 - said)) / (double)a->n;
    }
}

/* The margin is of those that score: how far apart the two are on average. */
static enum err tell_accuracy(const struct accuracy *a, json_t *figures)
{
    double *right = mem_new(2 * a->n, sizeof *right), *margin = right + a->n, rule, same;
    struct bootstrap share, gap;
    enum err err;

    for (size_t i = 0; i < a->n; i++) {
        right[i] = right_of(&a->result[i]);
        margin[i] = a->score[i] - a->score[a->n + i];
    }
    err = eval_mean(&share, a->conf, a->owner, right, a->n, 1);
    if (!err) {
        printf("%-22s %.1f %% [%.1f, %.1f] (a coin's 50) on %zu pairs by %s\n", "accuracy",
               100 * share.estimate, 100 * share.low, 100 * share.high, a->n,
               evaluator_name(a->evaluator));
        longer(a, &rule, &same);
        printf("%-22s %.1f %%; prefers the longer in %.1f %%\n", "  the longer is better",
               100 * rule, 100 * same);
        eval_put(figures, "accuracy", &share);
        json_object_set_new(figures, "pairs", json_integer((json_int_t)a->n));
        json_object_set_new(figures, "accuracy_longer", json_real(rule));
        json_object_set_new(figures, "prefers_longer", json_real(same));
    }
    if (!err && !evaluator_compares(a->evaluator)) {
        err = eval_mean(&gap, a->conf, a->owner, margin, a->n, 0);
        if (!err) {
            printf("%-22s %.4f [%.4f, %.4f]\n", "mean margin", gap.estimate, gap.low, gap.high);
            eval_put(figures, "margin", &gap);
        }
    }
    free(right);
    return err;
}

/* Also after an error half way: n counts what was read. */
static void close_all(struct accuracy *a)
{
    for (size_t i = 0; i < a->n; i++) {
        example_free(&a->pair[i]);
        free(a->text[0][i]);
        free(a->text[1][i]);
    }
    free(a->pair);
    free(a->text[0]);
    free(a->text[1]);
    free(a->result);
    free(a->score);
    free(a->owner);
    dataset_free(a->set);
    evaluator_close(a->evaluator);
}

/* Owners are found even when reading failed: of what was read, which close_all frees. */
enum err eval_accuracy(const struct eval_conf *conf)
{
    struct accuracy a = {.conf = conf};
    struct eval_out out = {conf, NULL};
    json_t *figures = json_object();
    enum err err = read_pairs(&a);

    own_pairs(&a);
    if (!err)
        err = evaluator_open(&a.evaluator, conf->by, "by");
    if (!err)
        err = ask(&a);
    for (size_t i = 0; i < a.n && !err; i++)
        err = eval_line(&out, line_of(&a, i));
    if (!err)
        err = tell_accuracy(&a, figures);
    if (!err && evaluator_compares(a.evaluator))
        err = tell_orders(&a, figures);
    if (!err)
        err = tell_calibration(&a, figures);
    close_all(&a);
    return eval_end(&out, figures, err);
}
