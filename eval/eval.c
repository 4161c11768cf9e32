/* How it works: what the verbs share, in the order in which a verb needs it: prompts out of a
 * data set, answers (sampled, or out of a file of lines as `drover generate` writes them),
 * scores, figures with their intervals, and at the end the lines and the figures on disk.
 *
 * Answers are sampled in windows of prompts, each numbered by its place in the data set: the
 * number, not the window, decides the random draws, so the answers do not depend on WINDOW or
 * on the slots. Rows of the same prompt are one draw for an interval (`owner`): their answers
 * resemble one another, and counting them apart would make intervals too narrow. */
#include "eval/eval.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/example.h"
#include "eval/json_lines.h"
#include "eval/sample_answers.h"
#include "lm/text/utf8.h"
#include "stats/mean.h"
#include "stats/share.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 32 };

/* ---- prompts */

bool eval_is_hh(const struct eval_conf *conf)
{
    return conf->format && !strcmp(conf->format, "hh");
}

/* Rows of ids are refused: a judge, a rule and a person read text. */
static enum err take_prompts(struct eval_prompts *out, size_t most, bool hh)
{
    const struct example_rule rule = {RECORD_FOR_PROMPTS, "text", hh, NULL};
    enum err err = OK;

    out->prompt = mem_new(out->set->n, sizeof *out->prompt);
    out->meta = mem_new(out->set->n, sizeof *out->meta);
    for (size_t i = 0; i < out->set->n && (!most || out->n < most) && !err; i++) {
        struct example e;
        err = dataset_example(&e, out->set, i, &rule);
        if (!err && !e.prompt)
            err = err_set(ERR_PARSE, "rows of token ids cannot be judged as text");
        if (!err) {
            out->prompt[out->n] = json_incref(e.prompt);
            out->meta[out->n++] = json_incref(e.meta);
        }
        if (err)
            err = dataset_at(out->set, i);
        else
            example_free(&e);
    }
    return err;
}

enum err eval_prompts(struct eval_prompts *out, const struct eval_conf *conf)
{
    const struct dataset_conf how = {
        .name = conf->dataset, .train = "test", .test = "", .test_size = NAN, .strict = true};
    struct dataset *none = NULL;
    enum err err;

    memset(out, 0, sizeof *out);
    if (!conf->dataset || !*conf->dataset)
        return err_set(ERR_RANGE, "which prompts? say dataset=FILE.jsonl");
    err = dataset_load(&out->set, &none, &how);
    dataset_free(none);
    if (!err)
        err = take_prompts(out, (size_t)conf->max_samples, eval_is_hh(conf));
    if (err)
        eval_prompts_free(out);
    else
        out->owner = eval_owners(out->prompt, out->n);
    return err;
}

void eval_prompts_free(struct eval_prompts *prompts)
{
    for (size_t i = 0; i < prompts->n; i++) {
        json_decref(prompts->prompt[i]);
        json_decref(prompts->meta[i]);
    }
    free(prompts->prompt);
    free(prompts->meta);
    free(prompts->owner);
    dataset_free(prompts->set);
    memset(prompts, 0, sizeof *prompts);
}

/* ---- answers */

static enum err from_line(struct eval_answer *to, const json_t *line)
{
    const json_t *ids = json_object_get(line, "ids");
    const char *text = json_string_value(json_object_get(line, "completion"));
    const char *finish = json_string_value(json_object_get(line, "finish_reason"));

    if (!text)
        return err_set(ERR_PARSE, "no text under 'completion'");
    to->text = mem_text(text);
    to->finished = !finish || !strcmp(finish, "stop");
    to->tokens = ids ? (int)json_array_size(ids) : evaluator_words(text);
    to->ids = ids ? mem_new((size_t)to->tokens + 1, sizeof *to->ids) : NULL;
    for (int t = 0; ids && t < to->tokens; t++)
        to->ids[t] = (int)json_integer_value(json_array_get(ids, (size_t)t));
    return OK;
}

/* How many lines have become answers. */
struct eval_reading {
    struct eval_answers *out;
    size_t n;
};

static enum err take_lines(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    struct eval_reading *r = self;
    enum err err = OK;

    for (*bad = 0; *bad < n && !err; ++*bad) {
        out[*bad] = json_null();
        if (r->n < r->out->n)
            err = from_line(&r->out->answer[r->n++], in[*bad]);
    }
    if (err)
        --*bad;
    return err;
}

/* More lines than prompts are passed over: max_samples may have cut the prompts. */
static enum err read_answers(struct eval_answers *out, const char *path)
{
    struct eval_reading reading = {out, 0};
    const struct json_lines lines = {take_lines, &reading, JSON_LINES_WINDOW};
    FILE *file = fopen(path, "r");
    enum err err = file ? json_lines_run(&lines, file, path, stdout)
                        : err_set(ERR_IO, "%s: %s", path, strerror(errno));

    if (file)
        fclose(file);
    if (!err && reading.n < out->n)
        err = err_set(ERR_RANGE, "%s: %zu answers to %zu prompts", path, reading.n, out->n);
    return err;
}

/* The ids change hands; text that is no UTF-8 is mended, for judges and JSON take no other. */
static void take(struct eval_answer *to, struct sample_answer *from)
{
    size_t n;

    to->text = utf8_lossy(from->text, from->bytes, &n);
    to->tokens = from->n;
    to->finished = from->finish != FINISH_LENGTH;
    to->ids = from->ids;
    from->ids = NULL;
    sample_answers_free(from);
}

/* Progress is logged only where there is more than one window. */
static enum err sample(struct eval_answers *out, const struct eval_conf *conf,
                       const struct eval_prompts *prompts)
{
    struct sample_answers sampler;
    struct sample_answer *got = mem_new((size_t)WINDOW * (size_t)out->samples, sizeof *got);
    enum err err =
        sampling_options_sampler(&sampler, &out->loaded, &conf->sampling, EVAL_LONGEST);

    for (size_t at = 0; at < prompts->n && !err; at += WINDOW) {
        struct sample_answers_ask ask[WINDOW] = {{NULL, NULL, 0}};
        const int n = prompts->n - at < WINDOW ? (int)(prompts->n - at) : WINDOW;
        int bad = 0;
        for (int i = 0; i < n; i++)
            ask[i] = (struct sample_answers_ask){prompts->prompt[at + (size_t)i], NULL,
                                                 (uint64_t)at + (uint64_t)i};
        err = sample_answers_run(&sampler, ask, n, out->samples, got, &bad);
        if (err)
            err = dataset_at(prompts->set, at + (size_t)bad);
        for (int i = 0; i < n * out->samples && !err; i++)
            take(&out->answer[at * (size_t)out->samples + (size_t)i], &got[i]);
        if (!err && prompts->n > WINDOW)
            log_info("answers", "done=%zu of=%zu", at + (size_t)n, prompts->n);
    }
    free(got);
    sample_answers_fini(&sampler);
    return err;
}

enum err eval_answers(struct eval_answers *out, const struct eval_conf *conf,
                      const struct eval_prompts *prompts, const char *model, const char *file,
                      int samples)
{
    const bool from_file = file && *file;
    enum err err;

    *out = (struct eval_answers){.n = prompts->n * (size_t)samples, .samples = samples};
    out->answer = mem_new(out->n, sizeof *out->answer);
    if (from_file) {
        err = read_answers(out, file);
    } else {
        err = open_model_all(&out->loaded, model, HEAD_LM, conf->sampling.compute);
        if (!err)
            err = open_model_chat(&out->loaded, conf->sampling.chat_template_path);
        if (!err)
            err = open_model_reach(&out->loaded, conf->sampling.max_context);
        if (!err)
            err = sample(out, conf, prompts);
    }
    if (err)
        eval_answers_free(out);
    return err;
}

void eval_answers_free(struct eval_answers *answers)
{
    for (size_t i = 0; i < answers->n; i++) {
        free(answers->answer[i].text);
        free(answers->answer[i].ids);
    }
    free(answers->answer);
    open_model_close(&answers->loaded);
    memset(answers, 0, sizeof *answers);
}

/* ---- scores and figures */

struct evaluator_item eval_item(const struct eval_prompts *prompts,
                                const struct eval_answers *answers, size_t k)
{
    const struct eval_answer *a = &answers->answer[k];
    const size_t i = k / (size_t)answers->samples;

    return (struct evaluator_item){prompts->prompt[i], NULL, a->text, a->tokens, a->finished,
                                   prompts->meta[i],   NULL, NULL};
}

/* Windows bound what a judge's prompts take; silence is told once, at the end. */
enum err eval_score(struct evaluator *evaluator, const struct eval_prompts *prompts,
                    const struct eval_answers *answers, double *score)
{
    const long before = evaluator_failures(evaluator);
    long silent;
    enum err err = OK;

    for (size_t at = 0; at < answers->n && !err; at += WINDOW) {
        struct evaluator_item item[WINDOW] = {{0}};
        const int n = answers->n - at < WINDOW ? (int)(answers->n - at) : WINDOW;
        int bad = 0;
        for (int i = 0; i < n; i++)
            item[i] = eval_item(prompts, answers, at + (size_t)i);
        err = evaluator_score(evaluator, item, n, score + at, &bad);
        if (err)
            err = dataset_at(prompts->set, (at + (size_t)bad) / (size_t)answers->samples);
    }
    silent = evaluator_failures(evaluator) - before;
    if (!err && silent)
        log_warn("without-verdict",
                 "by=\"%s\" answers=%ld of=%zu counted=\"as its lowest score\"",
                 evaluator_name(evaluator), silent, answers->n);
    return err;
}

struct named {
    char *text;
    uint32_t at;
};

/* Of equals the first in the data: it lends its number to all. */
static int by_text(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    const int order = strcmp(x->text, y->text);

    return order ? order : (x->at > y->at) - (x->at < y->at);
}

uint32_t *eval_owners(json_t *const *prompt, size_t n)
{
    struct named *name = mem_new(n + 1, sizeof *name);
    uint32_t *owner = mem_new(n + 1, sizeof *owner), first = 0;

    for (size_t i = 0; i < n; i++) {
        char *text = prompt[i] ? json_dumps(prompt[i], JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
        name[i] = (struct named){text ? text : mem_print("%zu", i), (uint32_t)i};
    }
    qsort(name, n, sizeof *name, by_text);
    for (size_t i = 0; i < n; i++) {
        first = i && !strcmp(name[i].text, name[i - 1].text) ? first : name[i].at;
        owner[name[i].at] = first;
    }
    for (size_t i = 0; i < n; i++)
        free(name[i].text);
    free(name);
    return owner;
}

/* A share in [0, 1] has few values and often none on one side: Wilson's interval knows that. */
enum err eval_mean(struct bootstrap *out, const struct eval_conf *conf, const uint32_t *owner,
                   const double *value, size_t n, double share)
{
    const struct bootstrap_conf how = {.resamples = (uint32_t)conf->resamples,
                                       .seed = (uint64_t)conf->sampling.seed};
    struct share got;
    enum err err;

    if (share < 1)
        return mean_run(out, value, owner, n, &how);
    err = share_mean(&got, value, owner, n, share, 0.95);
    *out = (struct bootstrap){got.estimate, got.low, got.high, 0, 0};
    return err;
}

void eval_put(json_t *figures, const char *key, const struct bootstrap *value)
{
    const double number[3] = {value->estimate, value->low, value->high};
    static const char *const tail[3] = {"", "_low", "_high"};

    for (int i = 0; i < 3; i++) {
        char *name = mem_print("%s%s", key, tail[i]);
        json_object_set_new(figures, name, json_real(number[i]));
        free(name);
    }
}

/* Lengths are small: their difference does not overflow. */
static int ascending(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

void eval_lengths(const struct eval_answers *answers, const char *name, const char *prefix,
                  json_t *figures)
{
    const size_t n = answers->n;
    int *length = mem_new(n, sizeof *length);
    double mean = 0, finished = 0;
    char *key;

    for (size_t i = 0; i < n; i++) {
        length[i] = answers->answer[i].tokens;
        mean += length[i] / (double)n;
        finished += answers->answer[i].finished / (double)n;
    }
    qsort(length, n, sizeof *length, ascending);
    printf("%-22s mean %.1f, median %d, 90 %% below %d, longest %d tokens; %.1f %% ended by "
           "themselves\n",
           name, mean, length[n / 2], length[n * 9 / 10], length[n - 1], 100 * finished);
    key = mem_print("%slength_", prefix);
    for (int k = 0; k < 5; k++) {
        static const char *const what[] = {"length_mean", "length_median", "length_p90",
                                           "length_max", "finished"};
        const double value[] = {mean, length[n / 2], length[n * 9 / 10], length[n - 1],
                                finished};
        free(key);
        key = mem_print("%s%s", prefix, what[k]);
        json_object_set_new(figures, key, json_real(value[k]));
    }
    free(key);
    free(length);
}

/* ---- output */

enum err eval_line(struct eval_out *out, json_t *line)
{
    const char *path = out->conf->output;
    enum err err = OK;

    if (path && *path && !out->to && !(out->to = fopen(path, "w")))
        err = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (!err && out->to &&
        (json_dumpf(line, out->to, JSON_COMPACT | JSON_REAL_PRECISION(9)) ||
         fputc('\n', out->to) == EOF))
        err = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    json_decref(line);
    return err;
}

/* Runs in any case, so that what was opened is closed; the first error is the one that is
 * told. */
enum err eval_end(struct eval_out *out, json_t *figures, enum err err)
{
    if (out->to && fclose(out->to) && !err)
        err = err_set(ERR_IO, "%s: %s", out->conf->output, strerror(errno));
    if (!err && out->conf->figures)
        *out->conf->figures = figures;
    else
        json_decref(figures);
    return err;
}
