/* drover data lint: flaws, lengths and repetitions of data sets.
 *
 * How it works: data/lint.h gathers and judges; here the rule is made of the keys, and the
 * report laid out for people or written as JSON. With a model, its tokenizer and template
 * read every record as the trainer would (`encode`), which finds what no look at columns can:
 * a dialogue that the template refuses, a record that is too long. The exit status is 1 when
 * there is an error, so that a script can stand on it. */
#include "base/say.h"
#include "cli/data.h"
#include "data/lint.h"
#include "lm/file/open_model.h"
#include "lm/text/reading.h"
#include "lm/text/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long long number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* "what name 3, name 4"; nothing of an empty object. */
static void show_counts(const json_t *object, const char *what)
{
    const char *name;
    json_t *value;
    int i = 0;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
        say(stdout, "%s%s %lld", i++ ? ", " : what, name, (long long)json_integer_value(value));
}

/* A trainer takes TRL's columns unless it is told otherwise. */
static void say_format(const json_t *formats, const char *method)
{
    const char *name;
    json_t *value;

    if (!method)
        json_object_foreach((json_t *)(uintptr_t)formats, name, value) if (strcmp(name, "trl"))
            printf("  to a trainer, say format=%s (or turn it into TRL's columns: drover data "
                   "convert)\n",
                   name);
}

/* Files, lengths, pairs, labels, prompts, then each problem with the first few places. */
static void show(const json_t *report, const char *method)
{
    size_t i, k;
    json_t *item, *words;
    const char *name;

    json_array_foreach(json_object_get(report, "files"), i, item)
    {
        say(stdout, "%s (%s): %lld rows", json_string_value(json_object_get(item, "path")),
            json_string_value(json_object_get(item, "split")), number(item, "records"));
        show_counts(json_object_get(item, "formats"), "; read as ");
        show_counts(json_object_get(item, "kinds"), "; gives ");
        printf("\n");
        say_format(json_object_get(item, "formats"), method);
    }
    printf("\n%-12s %9s %8s %8s %10s %8s %8s\n", "characters", "count", "min", "median", "mean",
           "p95", "max");
    json_object_foreach(json_object_get(report, "lengths"), name, item)
        say(stdout, "%-12s %9lld %8lld %8lld %10.1f %8lld %8lld\n", name, number(item, "count"),
            number(item, "min"), number(item, "median"),
            json_number_value(json_object_get(item, "mean")), number(item, "p95"),
            number(item, "max"));
    item = json_object_get(report, "pairs");
    if (number(item, "count"))
        printf("pairs: chosen is longer in %.1f %%, shorter in %.1f %%\n",
               100.0 * (double)number(item, "chosen_longer") / (double)number(item, "count"),
               100.0 * (double)number(item, "chosen_shorter") / (double)number(item, "count"));
    show_counts(json_object_get(report, "labels"), "labels: ");
    printf("\n");
    show_counts(json_object_get(report, "prompts"), "prompts: ");
    printf("\n");
    if (json_object_size(json_object_get(report, "unused"))) {
        show_counts(json_object_get(report, "unused"), "columns that are not read: ");
        printf("\n");
    }
    json_array_foreach(json_object_get(report, "problems"), i, item)
    {
        say(stdout, "\n%s: %s (%lld)\n", json_string_value(json_object_get(item, "severity")),
            json_string_value(json_object_get(item, "code")), number(item, "count"));
        json_array_foreach(json_object_get(item, "first"), k, words)
            say(stdout, "  %s\n", json_string_value(words));
    }
    printf("\n%lld errors, %lld warnings\n", number(report, "errors"),
           number(report, "warnings"));
}

/* ---- a model's tokens */

/* Tokens of a prompt with an answer; prompt NULL: of the answer alone. */
static enum err count(const struct open_model *m, const struct example *e, const json_t *answer,
                      uint32_t *tokens)
{
    struct encoded ids = {0};
    json_t *ended = reading_ended(answer, m->eos);
    char *text = NULL;
    size_t n = 0, bytes;
    int *got = NULL;
    enum err err;

    if (e->prompt) {
        err = encode_pair(&m->encode, e->prompt, ended, e->tools, &ids);
        n = (size_t)ids.n;
        encoded_free(&ids);
    } else {
        err = encode_text(&m->encode, ended, e->tools, false, &text, &bytes);
        if (!err)
            err = tokenizer_encode(m->encode.tokenizer, text, bytes, true, &got, &n);
    }
    free(text);
    free(got);
    json_decref(ended);
    if (n > *tokens)
        *tokens = (uint32_t)n;
    return err;
}

/* Ids come with the data, made by some tokenizer: at least they must exist in this one. */
static enum err check_ids(const struct open_model *m, const json_t *ids, uint32_t *tokens)
{
    const int vocab = m->files->shape.vocab;
    size_t i;
    json_t *id;

    *tokens = (uint32_t)json_array_size(ids);
    json_array_foreach((json_t *)(uintptr_t)ids, i,
                       id) if (json_integer_value(id) < 0 ||
                               json_integer_value(id) >=
                                   vocab) return err_set(ERR_RANGE,
                                                         "'input_ids'[%zu]: %lld is not below "
                                                         "the vocabulary's %d",
                                                         i, (long long)json_integer_value(id),
                                                         vocab);
    return OK;
}

/* Tokens of the longest sequence that the record gives. */
static enum err encode(void *self, const struct example *e, uint32_t *tokens)
{
    const struct open_model *m = self;
    struct encoded ids;
    enum err err;

    *tokens = 0;
    switch (e->kind) {
    case KIND_TOKENS:
        return check_ids(m, e->text, tokens);
    case KIND_PROMPT:
        err = encode_prompt(&m->encode, e->prompt, e->tools, &ids);
        *tokens = (uint32_t)ids.n;
        encoded_free(&ids);
        return err;
    case KIND_PREFERENCE:
    case KIND_IMPLICIT:
        err = count(m, e, e->chosen, tokens);
        return err ? err : count(m, e, e->rejected, tokens);
    case KIND_COMPLETION:
    case KIND_UNPAIRED:
        return count(m, e, e->completion, tokens);
    default:
        return count(m, e, e->text, tokens);
    }
}

/* As the trainer of a process reward model does, with its own separator. */
static enum err encode_steps(void *self, const json_t *row, uint32_t *tokens)
{
    const struct open_model *m = self;
    const struct steps_rule rule = {.separator = "\n", .bos = m->files->shape.bos};
    struct steps steps;
    const enum err err = steps_encode(&steps, row, &m->encode, &rule);

    *tokens = (uint32_t)steps.n;
    steps_free(&steps);
    return err;
}

static bool given(const char *text)
{
    return text && *text;
}

/* max_length beyond the model's context is cut to it, as training does, and lint says so. */
static enum err take_rule(struct lint_rule *out, const struct data_job *job,
                          struct open_model *model)
{
    const struct data_conf *conf = &job->conf;
    enum err err = OK;

    *out = (struct lint_rule){.format = job->rule.format,
                              .text_field = conf->dataset_text_field,
                              .hh = job->rule.format.format == FORMAT_HH};
    if (given(conf->method))
        err = lint_rule_method(out, conf->method);
    out->format.untold = out->method != NULL; /* as a trainer reads that is told no format */
    out->format.text_field = conf->dataset_text_field;
    if (conf_has_int(conf->max_length))
        out->max_length = (uint32_t)conf->max_length;
    if (!err && out->max_length && !given(conf->model))
        err = err_set(ERR_PARSE, "max_length is in tokens: whose? say model=M");
    if (err || !given(conf->model))
        return err;
    err = open_model_text(model, conf->model);
    if (!err && out->max_length > (uint32_t)model->files->shape.context) {
        out->asked = out->max_length;
        out->max_length = (uint32_t)model->files->shape.context;
    }
    if (!err)
        err = open_model_chat(model, conf->chat_template_path);
    out->encode = encode;
    out->encode_steps = encode_steps;
    out->self = model;
    return err;
}

enum err data_lint(struct data_job *job, int *status)
{
    const char *path = given(job->conf.report) ? job->conf.report : NULL;
    struct open_model model = {.files = NULL};
    struct lint_rule rule;
    struct lint *lint = NULL;
    json_t *report = NULL;
    enum err err = take_rule(&rule, job, &model);

    if (!err)
        lint = lint_new(&rule);
    for (int i = 0; i < job->files && !err; i++)
        err = lint_file(lint, job->file[i], job->split[i]);
    if (!err)
        report = lint_report(lint);
    if (!err && path)
        err = data_report(report, path);
    if (!err && (!path || strcmp(path, "-") != 0))
        show(report, rule.method);
    if (!err && number(report, "errors"))
        *status = EXIT_FAILURE;
    json_decref(report);
    lint_free(lint);
    open_model_close(&model);
    return err;
}
