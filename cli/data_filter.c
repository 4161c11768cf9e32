/* drover data filter: the records that a reward model, a rule or a judge thinks well of.
 *
 * The files are read three times: to check them and count, to score, to write what is kept in
 * the order it came. What is remembered of a record are a few bytes (eval/filter.h). */

#include "base/clock.h"
#include "base/mem.h"
#include "cli/bar.h"
#include "cli/data.h"
#include "eval/filter.h"
#include "eval/scored_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 32 };

/* A record that waits for its score. */
struct data_filter_waiting {
    struct scored_record record;
    const char *path; /* where it was read; the path is the job's */
    long line;
    size_t at; /* in the filter */
};

struct data_filter {
    const struct data_job *job;
    struct evaluator *evaluator;
    struct filter filter;
    struct stream_count count;
    struct data_filter_waiting wait[WINDOW];
    int n_wait;
    size_t total, refused, at;
    char first[320]; /* words of the first one refused */
    struct data_out out;
    struct bar bar;
};

static enum err located(const char *path, long line)
{
    return path ? err_add("%s:%ld", path, line) : err_add("a pair of several records");
}

/* Strict: an error; else counted, and the first one's words kept. */
static enum err refuse(struct data_filter *f, const char *path, long line)
{
    const enum err err = located(path, line);

    if (f->job->conf.strict)
        return err;
    if (!f->refused++)
        snprintf(f->first, sizeof f->first, "%s", err_text());
    return OK;
}

static bool of_the_record(enum err err)
{
    return err == ERR_PARSE || err == ERR_RANGE;
}

/* ---- the first reading: is there an answer to score in every record? */

static enum err check_one(void *self, const json_t *row)
{
    struct data_filter *f = self;
    struct scored_record record;
    enum err err = scored_record_read(&record, row);

    if (!err && !record.pair && evaluator_compares(f->evaluator))
        err = err_set(ERR_RANGE,
                      "%s compares two answers, and the record has one: mode: pointwise gives "
                      "each a score",
                      evaluator_name(f->evaluator));
    if (!err && !record.pair && !conf_has_real(f->job->conf.above) &&
        !conf_has_real(f->job->conf.top))
        err = err_set(ERR_RANGE, "which answers to keep? say above=SCORE, top=N, or both");
    scored_record_free(&record);
    f->total++;
    return err && f->job->conf.strict ? located(f->count.path, f->count.line) : OK;
}

/* ---- the second: scores */

/* The window's first n records; score [n]. */
static enum err ask(struct data_filter *f, double *score, int *bad)
{
    struct evaluator_item a[WINDOW] = {{0}}, b[WINDOW] = {{0}};
    struct judge_result result[WINDOW] = {{0}};
    double both[2 * WINDOW] = {0};
    const int n = f->n_wait;
    enum err err;

    for (int i = 0; i < n; i++) {
        a[i] = f->wait[i].record.a;
        b[i] = f->wait[i].record.b;
    }
    /* All that wait are of one kind: score_one flushes when the kind changes. */
    if (!f->wait[0].record.pair)
        return evaluator_score(f->evaluator, a, n, score, bad);
    err = evaluator_compare(f->evaluator, a, b, n, result, both, bad);
    for (int i = 0; i < n && !err; i++)
        score[i] =
            evaluator_compares(f->evaluator) ? 2 * result[i].p_a - 1 : both[i] - both[n + i];
    return err;
}

/* What waits borrows from its records: they go when it does. */
static void drop(struct data_filter *f, int i)
{
    scored_record_free(&f->wait[i].record);
    memmove(f->wait + i, f->wait + i + 1, (size_t)(--f->n_wait - i) * sizeof *f->wait);
}

static enum err settle(struct data_filter *f, const double *score)
{
    enum err err = OK;

    for (int i = 0; i < f->n_wait && !err; i++) {
        const struct data_filter_waiting *w = &f->wait[i];
        /* A judge may have no opinion; a model that gives no number is broken. */
        if (isnan(score[i]) && !evaluator_judges(f->evaluator)) {
            err = err_set(ERR_RANGE, "the model's output is not a number: damaged weights?");
            err = located(w->path, w->line);
        }
        filter_put(&f->filter, w->at, w->record.prompt, score[i], w->record.pair);
    }
    while (f->n_wait)
        drop(f, f->n_wait - 1);
    return err;
}

/* Scores all that waits, at once: a model reads many answers as fast as a few. */
static enum err flush(struct data_filter *f)
{
    double score[WINDOW];
    enum err err = OK;

    while (f->n_wait) {
        int bad = 0;
        err = ask(f, score, &bad);
        if (!err)
            return settle(f, score);
        if (!of_the_record(err) || bad >= f->n_wait)
            return err;
        err = refuse(f, f->wait[bad].path, f->wait[bad].line);
        if (err)
            return err;
        drop(f, bad); /* and the others are asked about again */
    }
    return OK;
}

static enum err score_one(void *self, const json_t *row)
{
    struct data_filter *f = self;
    const size_t at = filter_add(&f->filter);
    struct data_filter_waiting *w;
    struct scored_record record;
    enum err err = scored_record_read(&record, row);

    bar_step(&f->bar, at, clock_mono_ms());
    if (err)
        return refuse(f, f->count.path, f->count.line);
    if (!record.pair && evaluator_compares(f->evaluator)) {
        scored_record_free(&record);
        err = err_set(ERR_RANGE, "one answer, and a judge that compares two");
        return refuse(f, f->count.path, f->count.line);
    }
    if (f->n_wait && f->wait[0].record.pair != record.pair)
        err = flush(f);
    w = &f->wait[f->n_wait++];
    *w = (struct data_filter_waiting){record, f->count.path, f->count.line, at};
    return !err && f->n_wait == WINDOW ? flush(f) : err;
}

/* ---- the third: what is kept goes out */

static enum err write_one(void *self, const json_t *row)
{
    struct data_filter *f = self;

    if (f->at >= f->filter.n)
        return err_set(ERR_IO, "%s: changed while it was read",
                       f->count.path ? f->count.path : f->job->file[0]);
    /* Places count records as the second reading did: the same files, the same rule, the same
     * order. */
    return f->filter.record[f->at++].fate == FILTER_KEPT ? data_out_put(&f->out, row) : OK;
}

/* ---- the whole */

/* The configuration's `by`, with what `aggregate`, `separator` and `max_prompt_length` say. */
static enum err open_evaluator(struct data_filter *f)
{
    const struct data_conf *conf = &f->job->conf;
    const bool how = conf->aggregate && *conf->aggregate;
    const bool text = json_is_string(conf->by);
    json_t *entry = text ? json_pack("{s:O}", "model", conf->by) : json_deep_copy(conf->by);
    const bool model = json_object_get(entry, "model") != NULL;
    enum err err = OK;

    if (how && !model)
        err = err_set(ERR_RANGE, "aggregate: goes with a process reward model, by=MODEL");
    if (!err && how)
        json_object_set_new(entry, "steps", json_string(conf->aggregate));
    if (model && strcmp(f->job->rule.to.separator, "\n") != 0)
        json_object_set_new(entry, "step_separator", json_string(f->job->rule.to.separator));
    if (model && conf_has_int(conf->max_prompt_length)) {
        char *most = mem_print("%d", conf->max_prompt_length);
        json_object_set_new(entry, "max_prompt_length", json_string(most));
        free(most);
    }
    if (!err)
        err = evaluator_open(&f->evaluator, entry, "by");
    json_decref(entry);
    if (!err)
        evaluator_silence(f->evaluator);
    return err;
}

/* On standard error: standard output may be the records. */
static void tell(const struct data_filter *f)
{
    const struct stream_count *count = &f->count;
    const struct data_conf *conf = &f->job->conf;
    const struct filter *s = &f->filter;

    fprintf(stderr, "%zu rows read, %zu records scored by %s, %zu kept\n", count->rows,
            s->n - s->count[FILTER_REFUSED], evaluator_name(f->evaluator),
            s->count[FILTER_KEPT]);
    if (s->count[FILTER_BELOW])
        fprintf(stderr, "dropped: %zu not above %g\n", s->count[FILTER_BELOW],
                conf_has_real(conf->above) ? conf->above : 0.0);
    if (s->count[FILTER_NOT_BEST])
        fprintf(stderr, "dropped: %zu not among the best %g of their prompt\n",
                s->count[FILTER_NOT_BEST], conf->top);
    if (s->count[FILTER_NO_VERDICT])
        fprintf(stderr, "dropped: %zu without a verdict\n", s->count[FILTER_NO_VERDICT]);
    if (count->repeated)
        fprintf(stderr, "dropped: %zu came before\n", count->repeated);
    if (count->bad)
        fprintf(stderr, "dropped: %zu bad; first: %s\n", count->bad, count->first);
    if (f->refused)
        fprintf(stderr, "dropped: %zu that could not be scored; first: %s\n", f->refused,
                f->first);
    fprintf(stderr, "scores: %.4g least, %.4g median, %.4g at nine tenths, %.4g most\n",
            filter_quantile(s, 0), filter_quantile(s, 0.5), filter_quantile(s, 0.9),
            filter_quantile(s, 1));
}

static enum err report(const struct data_filter *f)
{
    const char *path = f->job->conf.report;
    const struct filter *s = &f->filter;
    json_t *figures;
    enum err err;

    if (!path || !*path)
        return OK;
    figures = json_pack(
        "{s:I,s:I,s:I,s:{s:I,s:I,s:I,s:I,s:I,s:I},s:{s:f,s:f,s:f,s:f}}", "rows",
        (json_int_t)f->count.rows, "records", (json_int_t)s->n, "kept",
        (json_int_t)s->count[FILTER_KEPT], "dropped", "below",
        (json_int_t)s->count[FILTER_BELOW], "not_best", (json_int_t)s->count[FILTER_NOT_BEST],
        "no_verdict", (json_int_t)s->count[FILTER_NO_VERDICT], "not_scored",
        (json_int_t)f->refused, "bad", (json_int_t)f->count.bad, "repeated",
        (json_int_t)f->count.repeated, "scores", "least", filter_quantile(s, 0), "median",
        filter_quantile(s, 0.5), "p90", filter_quantile(s, 0.9), "most", filter_quantile(s, 1));
    err = data_report(figures, path);
    json_decref(figures);
    return err;
}

/* Counted and checked as a whole before the model is asked anything: what a strict reading
 * finds in the last line should not be found after hours of scoring. */
static enum err read_and_score(struct data_filter *f)
{
    const struct data_conf *conf = &f->job->conf;
    enum err err = data_stream(f->job, check_one, f, &f->count);

    if (!err && !f->total)
        err = err_set(ERR_RANGE, "%s: no record", f->job->file[0]);
    if (err)
        return err;
    bar_begin(&f->bar, "scored", f->total, conf->disable_tqdm, clock_mono_ms());
    err = data_stream(f->job, score_one, f, &f->count);
    if (!err)
        err = flush(f);
    bar_end(&f->bar);
    if (err)
        return err;
    filter_decide(&f->filter, conf->above, conf->top);
    if (f->filter.count[FILTER_KEPT])
        return OK;
    if (f->filter.n == f->filter.count[FILTER_REFUSED])
        return err_set(ERR_RANGE, "none of %zu records could be scored; first: %s", f->total,
                       f->refused ? f->first : f->count.first);
    if (isnan(filter_quantile(&f->filter, 0)))
        return err_set(ERR_RANGE, "%s gave no verdict on any of %zu records",
                       evaluator_name(f->evaluator), f->filter.count[FILTER_NO_VERDICT]);
    return err_set(ERR_RANGE, "none of %zu records is kept: scores go from %.4g to %.4g",
                   f->total, filter_quantile(&f->filter, 0), filter_quantile(&f->filter, 1));
}

static enum err write_kept(struct data_filter *f)
{
    enum err err = data_out_open(&f->out, f->job->conf.output);

    if (err)
        return err;
    err = data_stream(f->job, write_one, f, &f->count);
    if (!err && f->at != f->filter.n)
        err = err_set(ERR_IO, "%s: changed while it was read", f->job->file[0]);
    return data_out_close(&f->out, err);
}

enum err data_filter(struct data_job *job, int *status)
{
    struct data_filter *f = mem_new(1, sizeof *f);
    enum err err = job->conf.by
                       ? OK
                       : err_set(ERR_RANGE, "who scores? say by=MODEL, by.rule=NAME or "
                                            "by={judge: MODEL, template: FILE}");

    (void)status;
    f->job = job;
    if (!err && job->conf.report && !strcmp(job->conf.report, "-") &&
        !(job->conf.output && *job->conf.output))
        err = err_set(ERR_RANGE, "records and report both to standard output: say output=FILE");
    if (!err)
        err = open_evaluator(f);
    if (!err)
        err = read_and_score(f);
    if (!err)
        err = write_kept(f);
    if (!err)
        err = report(f);
    if (!err)
        tell(f);
    while (f->n_wait)
        drop(f, f->n_wait - 1);
    filter_free(&f->filter);
    evaluator_close(f->evaluator);
    free(f);
    return err;
}
