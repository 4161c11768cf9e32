/* In three passes: read metrics.jsonl into one series a name (report_series) and samples.jsonl
 * into a list; lay the series out, those that people look for first (`first` below), as SVG
 * paths; write the page. Whatever a model or a person wrote goes through put_text, which lets
 * neither markup nor control characters pass: the page is opened by a browser. Called once, when
 * a run has ended, by offline and by the fleet's learner. */
#include "learner/run/report.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/printable.h"
#include "base/strbuf.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SERIES_MAX = 128, POINTS_MAX = 20000, SAMPLES_MAX = 40, FILE_MAX = 256 << 20 };

struct report_series {
    char *name;
    double *x, *y;
    size_t n, room;
};

struct report {
    struct report_series series[SERIES_MAX];
    size_t n;
    json_t *samples; /* of samples.jsonl, first and last evaluation */
    struct strbuf page;
};

/* Charts in this order; what is not named here follows. */
static const char *const first[] = {"objective/scores",
                                    "objective/rlhf_reward",
                                    "objective/kl",
                                    "objective/entropy",
                                    "policy/entropy_avg",
                                    "policy/clipfrac_avg",
                                    "policy/approxkl_avg",
                                    "drover_completion_length",
                                    "drover_tokens_per_second",
                                    "train_tokens_per_second",
                                    "drover_train_peak",
                                    "drover_generation_peak",
                                    "drover_draft_acceptance_rate",
                                    "drover_weights_changed",
                                    "drover_staleness",
                                    "loss",
                                    "eval_loss",
                                    "accuracy",
                                    "eval_accuracy",
                                    "margin",
                                    "mean_token_accuracy"};

/* Text of models and people never becomes markup, nor turns the page's writing around. */
static void put_text(struct report *r, const char *text)
{
    char *clean = mem_printable(text, strlen(text), PRINTABLE_LINES);

    strbuf_put_markup(&r->page, clean, strlen(clean));
    free(clean);
}

/* ---- reading */

/* A run writes tens of names; what is beyond the limit is left out of the page, not of the
 * file. */
static struct report_series *series_named(struct report *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (!strcmp(r->series[i].name, name))
            return &r->series[i];
    if (r->n == SERIES_MAX)
        return NULL;
    r->series[r->n].name = mem_text(name);
    return &r->series[r->n++];
}

static void add_point(struct report *r, const char *name, double x, double y)
{
    struct report_series *s = series_named(r, name);

    /* JSON has no NaN, but a figure may overflow to infinity when it is read. */
    if (!s || s->n == POINTS_MAX || !isfinite(y))
        return;
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 64;
        s->x = mem_grow(s->x, s->room, sizeof *s->x);
        s->y = mem_grow(s->y, s->room, sizeof *s->y);
    }
    s->x[s->n] = x;
    s->y[s->n++] = y;
}

static enum err take_metrics(struct report *r, json_t *line)
{
    const double step = json_number_value(json_object_get(line, "step"));
    const char *name;
    json_t *value;

    /* Every number that somebody wrote is a series, by its name: no list of names is kept
     * here that would have to know the methods. */
    json_object_foreach(line, name, value)
    {
        if (json_is_number(value) && strcmp(name, "step") && strcmp(name, "epoch"))
            add_point(r, name, step, json_number_value(value));
    }
    return OK;
}

/* Only the first and the last evaluation are shown side by side; answers of training are in
 * the file. */
static enum err take_sample(struct report *r, json_t *line)
{
    const char *kind = json_string_value(json_object_get(line, "kind"));

    if (kind && (!strcmp(kind, "before") || !strcmp(kind, "after")) &&
        json_array_size(r->samples) < 2 * SAMPLES_MAX * 8)
        json_array_append(r->samples, line);
    return OK;
}

/* A line that is no JSON is an error with its number: the page would else tell half of a
 * run. */
static enum err each_line(struct report *r, const char *path,
                          enum err (*take)(struct report *, json_t *))
{
    char *text, *save = NULL;
    size_t n;
    long number = 1;
    enum err err = fs_read(&text, &n, path, FILE_MAX);

    if (err)
        return err;
    for (char *line = strtok_r(text, "\n", &save); line && !err;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *value = json_loads(line, JSON_ALLOW_NUL, NULL);
        err = json_is_object(value)
                  ? take(r, value)
                  : err_set(ERR_PARSE, "%s:%ld: not a JSON object", path, number);
        json_decref(value);
        number++;
    }
    free(text);
    return err;
}

/* ---- drawing */

/* Drawn by hand as one polyline: the page must open without a network, years later. */
static void put_chart(struct report *r, const struct report_series *s)
{
    double low = s->y[0], high = s->y[0];
    const double left = s->x[0], right = s->x[s->n - 1] > left ? s->x[s->n - 1] : left + 1;

    for (size_t i = 1; i < s->n; i++) {
        low = fmin(low, s->y[i]);
        high = fmax(high, s->y[i]);
    }
    if (high - low < 1e-12) { /* a flat line runs in the middle */
        low -= 0.5;
        high += 0.5;
    }
    strbuf_print(&r->page, "<figure><figcaption>");
    put_text(r, s->name);
    strbuf_print(&r->page,
                 " <b>%.6g</b></figcaption><svg viewBox=\"0 0 320 140\" role=\"img\"><title>",
                 s->y[s->n - 1]);
    put_text(r, s->name);
    strbuf_print(&r->page,
                 "</title><text x=\"2\" y=\"10\">%.4g</text><text x=\"2\" y=\"126\">%.4g</text>"
                 "<text x=\"50\" y=\"138\">%.6g</text><text x=\"318\" y=\"138\" "
                 "text-anchor=\"end\">%.6g</text>"
                 "<polyline points=\"",
                 high, low, left, right);
    for (size_t i = 0; i < s->n; i++)
        strbuf_print(&r->page, "%.1f,%.1f ", 50 + 266 * (s->x[i] - left) / (right - left),
                     122 - 116 * (s->y[i] - low) / (high - low));
    strbuf_print(&r->page, "\"/>");
    /* One point has no line: a dot, so that it is seen at all. */
    if (s->n == 1)
        strbuf_print(&r->page, "<circle cx=\"50\" cy=\"%.1f\" r=\"2\"/>",
                     122 - 116 * (s->y[0] - low) / (high - low));
    strbuf_print(&r->page, "</svg></figure>\n");
}

/* The first loop puts those that people look for in front, the second the rest in the order
 * of the file. */
static void put_charts(struct report *r)
{
    bool drawn[SERIES_MAX] = {false};

    strbuf_print(&r->page, "<section class=\"charts\">\n");
    for (size_t k = 0; k < sizeof first / sizeof *first; k++)
        for (size_t i = 0; i < r->n; i++)
            if (!drawn[i] && !strcmp(r->series[i].name, first[k])) {
                put_chart(r, &r->series[i]);
                drawn[i] = true;
            }
    for (size_t i = 0; i < r->n; i++)
        if (!drawn[i])
            put_chart(r, &r->series[i]);
    strbuf_print(&r->page, "</section>\n");
}

/* The same figures as numbers, for who reads the page with a search. */
static void put_table(struct report *r)
{
    strbuf_print(&r->page,
                 "<h2>First and last "
                 "values</h2>\n<table><tr><th>metric<th>first<th>last<th>mean</tr>\n");
    for (size_t i = 0; i < r->n; i++) {
        const struct report_series *s = &r->series[i];
        double sum = 0;
        for (size_t k = 0; k < s->n; k++)
            sum += s->y[k];
        strbuf_print(&r->page, "<tr><td>");
        put_text(r, s->name);
        strbuf_print(&r->page, "<td>%.6g<td>%.6g<td>%.6g</tr>\n", s->y[0], s->y[s->n - 1],
                     sum / (double)s->n);
    }
    strbuf_print(&r->page, "</table>\n");
}

/* A line of another version may lack a key: an empty cell, not an end. */
static const char *field(const json_t *sample, const char *key)
{
    const char *text = json_string_value(json_object_get(sample, key));

    return text ? text : "";
}

/* An answer that is missing leaves its cell empty: the evaluation after the training may not
 * have come. */
static void put_answer(struct report *r, const json_t *sample)
{
    strbuf_print(&r->page, "<td><pre>");
    if (sample) {
        put_text(r, field(sample, "completion"));
        strbuf_print(&r->page, "</pre><span>score %.4f</span>",
                     json_number_value(json_object_get(sample, "score")));
    } else {
        strbuf_print(&r->page, "</pre>");
    }
}

/* By the prompt's text: evaluations ask the same prompts, but not in one order. */
static const json_t *partner(const struct report *r, const char *prompt)
{
    const json_t *sample;
    size_t i;

    json_array_foreach(r->samples, i, sample)
    {
        if (!strcmp(field(sample, "kind"), "after") && !strcmp(field(sample, "prompt"), prompt))
            return sample;
    }
    return NULL;
}

static void put_samples(struct report *r)
{
    const json_t *sample;
    size_t i;
    int shown = 0;

    if (!json_array_size(r->samples))
        return;
    strbuf_print(&r->page, "<h2>Answers before and after</h2>\n<table "
                           "class=\"samples\"><tr><th>prompt<th>before<th>after</tr>\n");
    json_array_foreach(r->samples, i, sample)
    {
        if (strcmp(field(sample, "kind"), "before") || shown++ >= SAMPLES_MAX)
            continue;
        strbuf_print(&r->page, "<tr><td><pre>");
        put_text(r, field(sample, "prompt"));
        strbuf_print(&r->page, "</pre>");
        put_answer(r, sample);
        put_answer(r, partner(r, field(sample, "prompt")));
        strbuf_print(&r->page, "</tr>\n");
    }
    strbuf_print(&r->page, "</table>\n");
}

/* As text and numbers only; names come from other machines and pass put_text. */
static void put_processes(struct report *r, const json_t *processes)
{
    const json_t *row;
    size_t i;

    if (!json_array_size(processes))
        return;
    strbuf_print(&r->page, "<h2>Processes</h2>\n<table><tr><th>process<th>peak memory<th>tokens"
                           "<th>tokens a second</tr>\n");
    json_array_foreach(processes, i, row)
    {
        strbuf_print(&r->page, "<tr><td>");
        put_text(r, field(row, "name"));
        strbuf_print(&r->page, "<td>%.1f MB<td>%.0f<td>%.0f</tr>\n",
                     json_number_value(json_object_get(row, "peak_memory_bytes")) / 1e6,
                     json_number_value(json_object_get(row, "tokens")),
                     json_number_value(json_object_get(row, "tokens_per_second")));
    }
    strbuf_print(&r->page, "</table>\n");
}

/* Style and all in one string: the page has no other file. */
static void put_page(struct report *r, const char *title, const json_t *processes)
{
    strbuf_print(
        &r->page,
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\">\n<title>");
    put_text(r, title);
    strbuf_print(
        &r->page,
        "</title>\n<style>body{font:15px system-ui,sans-serif;margin:2em "
        "auto;max-width:1100px;padding:0 1em;"
        "color:#222;background:#fff}.charts{display:grid;grid-template-columns:repeat(auto-"
        "fill,minmax(300px,1fr));"
        "gap:1em}figure{margin:0;border:1px solid #ddd;padding:.5em}figcaption{font-size:13px}"
        "svg "
        "text{font-size:9px;fill:#777}polyline{fill:none;stroke:#0a6;stroke-width:1.5}circle{"
        "fill:#0a6}"
        "table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ddd;padding:.3em "
        ".6em;"
        "text-align:left;vertical-align:top}pre{white-space:pre-wrap;margin:0;font:13px "
        "ui-monospace,monospace}"
        "span{color:#777;font-size:12px}@media(prefers-color-scheme:dark){body{background:#"
        "161616;color:#ddd}"
        "figure,td,th{border-color:#444}}</style>\n<h1>");
    put_text(r, title);
    strbuf_print(&r->page, "</h1>\n");
    put_charts(r);
    put_table(r);
    put_processes(r, processes);
    put_samples(r);
    strbuf_print(&r->page, "</html>\n");
}

/* metrics.jsonl must be there, samples.jsonl need not: only runs over a fleet write answers. */
enum err report_write(const char *output_dir, const char *title, const json_t *processes)
{
    struct report *r = mem_new(1, sizeof *r);
    char *metrics = mem_print("%s/metrics.jsonl", output_dir);
    char *samples = mem_print("%s/samples.jsonl", output_dir);
    char *page = mem_print("%s/report.html", output_dir);
    enum err err = each_line(r, metrics, take_metrics);

    r->samples = json_array();
    if (!err && fs_exists(samples))
        err = each_line(r, samples, take_sample);
    if (!err) {
        put_page(r, title, processes);
        err = fs_write(page, r->page.text, r->page.n);
    }
    for (size_t i = 0; i < r->n; i++) {
        free(r->series[i].name);
        free(r->series[i].x);
        free(r->series[i].y);
    }
    json_decref(r->samples);
    free(r->page.text);
    free(metrics);
    free(samples);
    free(page);
    free(r);
    return err;
}
