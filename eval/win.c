/* drover eval win: how often a model's answers beat a baseline's on the same prompts.
 *
 * How it works: both answer, one model in memory at a time; whoever judges compares prompt by
 * prompt, or scores both, and then the higher score wins. Ties and cases without a verdict
 * count one half, so that a judge who says nothing is a coin. Since judges like long answers,
 * the rate is told once more as it would be at equal length (a Bradley-Terry model with the
 * difference of log lengths beside it), and the lengths themselves. */
#include "base/mem.h"
#include "eval/eval.h"
#include "stats/bradley.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 32 };

/* Both models' answers, prompt by prompt, and what was said of them. */
struct win {
    const struct eval_conf *conf;
    struct eval_prompts prompts;
    struct eval_answers mine, theirs;
    struct evaluator *evaluator;
    struct judge_result *result; /* [prompts] */
    double *score;               /* [2 prompts]: mine, then theirs; NULL when compared */
};

/* Scores, where the one who judges gives them, are kept for the gain. */
static enum err compare(struct win *w)
{
    const bool scored = !evaluator_compares(w->evaluator);
    enum err err = OK;

    w->result = mem_new(w->prompts.n, sizeof *w->result);
    w->score = scored ? mem_new(2 * w->prompts.n, sizeof *w->score) : NULL;
    for (size_t at = 0; at < w->prompts.n && !err; at += WINDOW) {
        struct evaluator_item a[WINDOW] = {{0}}, b[WINDOW] = {{0}};
        double score[2 * WINDOW];
        const int n = w->prompts.n - at < WINDOW ? (int)(w->prompts.n - at) : WINDOW;
        int bad = 0;
        for (int i = 0; i < n; i++) {
            a[i] = eval_item(&w->prompts, &w->mine, at + (size_t)i);
            b[i] = eval_item(&w->prompts, &w->theirs, at + (size_t)i);
        }
        err = evaluator_compare(w->evaluator, a, b, n, w->result + at, score, &bad);
        if (err)
            err = dataset_at(w->prompts.set, at + (size_t)bad);
        for (int i = 0; i < n && !err && scored; i++) {
            w->score[at + (size_t)i] = score[i];
            w->score[w->prompts.n + at + (size_t)i] = score[n + i];
        }
    }
    return err;
}

/* 1, 1/2 or 0; a case without a verdict is a tie. */
static double win_of(const struct judge_result *r)
{
    return r->verdict == JUDGE_A ? 1 : r->verdict == JUDGE_B ? 0 : 0.5;
}

static json_t *text_of(const struct eval_answer *a)
{
    return json_string(a->text);
}

/* Both answers, the verdict, and what it stands on. */
static json_t *line_of(const struct win *w, size_t i)
{
    static const char *const verdicts[] = {"none", "model", "baseline", "tie"};
    const struct judge_result *r = &w->result[i];
    json_t *line =
        json_pack("{s:O,s:o,s:o,s:s,s:f,s:i,s:i}", "prompt", w->prompts.prompt[i], "answer",
                  text_of(&w->mine.answer[i]), "baseline_answer", text_of(&w->theirs.answer[i]),
                  "verdict", verdicts[r->verdict], "win", win_of(r), "tokens",
                  w->mine.answer[i].tokens, "baseline_tokens", w->theirs.answer[i].tokens);

    if (w->score) {
        json_object_set_new(line, "score", json_real(w->score[i]));
        json_object_set_new(line, "baseline_score", json_real(w->score[w->prompts.n + i]));
    } else if (!isnan(r->p_a)) {
        json_object_set_new(line, "p_model", json_real(r->p_a));
        json_object_set_new(line, "swapped", json_boolean(r->swapped));
    }
    return line;
}

/* The win rate if both answers were as long: logistic in the difference of log lengths. Its
 * interval is a normal one of the logit, so that it stays within 0 and 1. */
static void tell_equal_length(const struct win *w, json_t *figures)
{
    struct bradley_row *row = mem_new(w->prompts.n, sizeof *row);
    const struct bradley_conf how = {.items = 2, .effects = 1, .reference = 1};
    struct bradley fit;

    for (size_t i = 0; i < w->prompts.n; i++) {
        const double won = win_of(&w->result[i]);
        row[i] = (struct bradley_row){.first = 0, .second = 1, .wins = won, .losses = 1 - won};
        row[i].x[0] = log((1 + w->mine.answer[i].tokens) / (1. + w->theirs.answer[i].tokens));
    }
    if (!bradley_fit(&fit, row, w->prompts.n, &how)) {
        const double z = 1.959963984540054, s = fit.strength[0], e = fit.strength_se[0];
        const struct bootstrap rate = {.estimate = 1 / (1 + exp(-s)),
                                       .low = 1 / (1 + exp(z * e - s)),
                                       .high = 1 / (1 + exp(-z * e - s))};
        printf("%-22s %.1f %% [%.1f, %.1f]; log of length ratio %+.2f (s.e. %.2f)\n",
               "at equal length", 100 * rate.estimate, 100 * rate.low, 100 * rate.high,
               fit.effect[0], fit.effect_se[0]);
        eval_put(figures, "win_rate_equal_length", &rate);
        json_object_set_new(figures, "length_effect", json_real(fit.effect[0]));
        json_object_set_new(figures, "length_effect_se", json_real(fit.effect_se[0]));
        bradley_fini(&fit);
    }
    free(row);
}

/* The difference of two scores; of two that are 0 or 1 it is a share of wins, twice, less 1. */
static enum err gain_of(const struct win *w, struct bootstrap *out)
{
    const size_t n = w->prompts.n;
    const bool share = evaluator_binary(w->evaluator);
    double *gain = mem_new(n, sizeof *gain);
    enum err err;

    for (size_t i = 0; i < n; i++) {
        gain[i] = w->score[i] - w->score[n + i];
        gain[i] = share ? (gain[i] + 1) / 2 : gain[i];
    }
    err = eval_mean(out, w->conf, w->prompts.owner, gain, n, share);
    free(gain);
    if (share) {
        out->estimate = 2 * out->estimate - 1;
        out->low = 2 * out->low - 1;
        out->high = 2 * out->high - 1;
    }
    return err;
}

/* The gain is of differences prompt by prompt: much narrower than of two means. */
static enum err tell_scores(const struct win *w, json_t *figures)
{
    const size_t n = w->prompts.n;
    const bool share = evaluator_binary(w->evaluator);
    struct bootstrap mine, theirs, gained;
    enum err err = eval_mean(&mine, w->conf, w->prompts.owner, w->score, n, share);

    if (!err)
        err = eval_mean(&theirs, w->conf, w->prompts.owner, w->score + n, n, share);
    if (!err)
        err = gain_of(w, &gained);
    if (!err) {
        printf("%-22s %.4f, baseline %.4f, gain %+.4f [%.4f, %.4f]\n", "score", mine.estimate,
               theirs.estimate, gained.estimate, gained.low, gained.high);
        eval_put(figures, "score", &mine);
        eval_put(figures, "baseline_score", &theirs);
        eval_put(figures, "score_gain", &gained);
    }
    return err;
}

/* The rate first: it is what people look for. */
static enum err tell(const struct win *w, json_t *figures)
{
    const size_t n = w->prompts.n;
    double *won = mem_new(n, sizeof *won);
    long count[4] = {0};
    struct bootstrap rate;
    enum err err;

    for (size_t i = 0; i < n; i++) {
        won[i] = win_of(&w->result[i]);
        count[w->result[i].verdict]++;
    }
    err = eval_mean(&rate, w->conf, w->prompts.owner, won, n, 1);
    free(won);
    if (err)
        return err;
    printf("%-22s %.1f %% [%.1f, %.1f] on %zu prompts by %s\n", "win rate", 100 * rate.estimate,
           100 * rate.low, 100 * rate.high, n, evaluator_name(w->evaluator));
    printf("%-22s %ld wins, %ld losses, %ld ties, %ld without a verdict (ties count 1/2)\n",
           "verdicts", count[JUDGE_A], count[JUDGE_B], count[JUDGE_TIE], count[JUDGE_NONE]);
    eval_put(figures, "win_rate", &rate);
    json_object_set_new(figures, "prompts", json_integer((json_int_t)n));
    json_object_set_new(figures, "ties", json_integer(count[JUDGE_TIE]));
    json_object_set_new(figures, "without_verdict", json_integer(count[JUDGE_NONE]));
    if (evaluator_compares(w->evaluator)) {
        printf("%-22s %ld of %zu changed with the order of the answers; %ld too long for the "
               "judge\n",
               "position", evaluator_swapped(w->evaluator), n,
               evaluator_too_long(w->evaluator));
        json_object_set_new(figures, "swapped", json_integer(evaluator_swapped(w->evaluator)));
    } else {
        err = tell_scores(w, figures);
    }
    tell_equal_length(w, figures);
    eval_lengths(&w->mine, "model's answers", "", figures);
    eval_lengths(&w->theirs, "baseline's answers", "baseline_", figures);
    return err;
}

/* The first model is closed before the second is opened. */
static enum err answer_both(struct win *w)
{
    const struct eval_conf *c = w->conf;
    enum err err;

    if (!(c->baseline && *c->baseline) && !(c->baseline_answers && *c->baseline_answers))
        return err_set(ERR_RANGE, "against what? say baseline=MODEL or baseline_answers=FILE");
    err = eval_answers(&w->mine, c, &w->prompts, c->sampling.model, c->answers, 1);
    open_model_close(&w->mine.loaded); /* one model at a time */
    if (!err)
        err = eval_answers(&w->theirs, c, &w->prompts, c->baseline, c->baseline_answers, 1);
    open_model_close(&w->theirs.loaded);
    return err;
}

enum err eval_win(const struct eval_conf *conf)
{
    struct win w = {.conf = conf};
    struct eval_out out = {conf, NULL};
    json_t *figures = json_object();
    enum err err = eval_prompts(&w.prompts, conf);

    if (!err)
        err = evaluator_open(&w.evaluator, conf->by, "by");
    if (!err)
        err = answer_both(&w);
    if (!err)
        err = compare(&w);
    for (size_t i = 0; i < w.prompts.n && !err; i++)
        err = eval_line(&out, line_of(&w, i));
    if (!err)
        err = tell(&w, figures);
    eval_answers_free(&w.mine);
    eval_answers_free(&w.theirs);
    eval_prompts_free(&w.prompts);
    evaluator_close(w.evaluator);
    free(w.result);
    free(w.score);
    return eval_end(&out, figures, err);
}
