/* drover data lint | convert | split: looking at data sets, and turning one into another. */

#include "base/fs.h"
#include "base/mem.h"
#include "cli/command.h"
#include "data/lint.h"
#include "data/mixture.h"
#include "data/rows.h"
#include "data/stream.h"

#include <stdlib.h>
#include <string.h>

struct data_conf {
    char *format, *to, *output, *report, *answers, *functions, *separator, *by, *calls;
    bool strict, distinct, alternatives, originals;
    double neutral, test_size, validation_size;
    int pairs, seed;
};

static const struct conf_key keys[] = {
    CONF_TEXT(data_conf, format, "auto",
              "what the files are: auto, trl, hh, ultrafeedback, prm800k, bigbench_mistake, "
              "prmbench, toolbench, bfcl, tau_bench"),
    CONF_TEXT(data_conf, to, "",
              "convert, split: kind to write: text, messages, prompt, prompt-completion, "
              "preference, implicit, unpaired, stepwise; unset: as it is"),
    CONF_TEXT(data_conf, output, "", "convert: file (unset: standard output); split: folder"),
    CONF_TEXT(data_conf, report, "", "lint: JSON report ('-': standard output)"),
    CONF_BOOL(data_conf, strict, "true", "a bad record is an error; else counted, left out"),
    CONF_BOOL(data_conf, distinct, "false", "leave out records that came before"),
    CONF_REAL(data_conf, test_size, "0.1", 0, 1, "split: share of the prompts for test.jsonl"),
    CONF_REAL(data_conf, validation_size, "0", 0, 1, "split: share for validation.jsonl"),
    CONF_INT(data_conf, seed, "42", 0, 2147483647, "split: which prompts go where"),
    CONF_TEXT(data_conf, by, "prompt",
              "split: prompt (all records of a prompt stay together) or record"),
    CONF_REAL(data_conf, neutral, "1", 0, 1, "prm800k: P(right) of a step rated 0"),
    CONF_BOOL(data_conf, alternatives, "true", "prm800k: steps that were not chosen, too"),
    CONF_BOOL(data_conf, originals, "true", "prmbench: unspoiled solutions, too"),
    CONF_INT(data_conf, pairs, "64", 1, 1000000, "most pairs of one tree, or of one prompt"),
    CONF_TEXT(data_conf, answers, "", "bfcl: file of possible answers"),
    CONF_TEXT(data_conf, functions, "", "bfcl: folder of function documents, many turns"),
    CONF_TEXT(data_conf, separator, "\n", "between the steps of a stepwise record"),
    CONF_TEXT(data_conf, calls, "keep",
              "convert, split: keep, or text: tool calls and functions as words, for templates "
              "without a place for them"),
    CONF_END,
};

struct job {
    struct data_conf conf;
    struct stream_rule rule;
    char **file;  /* given on the command line; folders replaced by their splits */
    char **split; /* "train", "test", ... for each file */
    int files;
    json_t *answers, *functions;
};

static void add_file(struct job *job, const char *path, const char *split)
{
    job->file = mem_grow(job->file, (size_t)job->files + 1, sizeof(*job->file));
    job->split = mem_grow(job->split, (size_t)job->files + 1, sizeof(*job->split));
    job->file[job->files] = mem_text(path);
    job->split[job->files++] = mem_text(split);
}

/* "data/test-00.jsonl.gz" is of the split test-00. */
static void add_named(struct job *job, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *stem = mem_print("%.*s", (int)strcspn(name, "."), name);

    add_file(job, path, stem);
    free(stem);
}

static enum err add_path(struct job *job, const char *path)
{
    static const char *const splits[] = {"train", "validation", "test"};
    bool any = false;

    if (!fs_is_dir(path)) {
        add_named(job, path);
        return OK;
    }
    for (int i = 0; i < 3; i++) {
        char *file = mixture_split_file(path, splits[i]);
        if (file)
            add_file(job, file, splits[i]);
        any = any || file;
        free(file);
    }
    return any ? OK
               : err_set(ERR_IO, "%s: no train.jsonl, validation.jsonl or test.jsonl", path);
}

/* Words that are no key are files: --key value, --key=value and key=value are keys. */
static enum err sort_words(struct job *job, int argc, char **argv, char **rest, int *n)
{
    enum err err = OK;

    for (int i = 0; i < argc && !err; i++) {
        const bool key = !strncmp(argv[i], "--", 2);
        if (key || (strchr(argv[i], '=') && !fs_exists(argv[i])))
            rest[(*n)++] = argv[i];
        else
            err = add_path(job, argv[i]);
        if (key && !strchr(argv[i], '=') && i + 1 < argc)
            rest[(*n)++] = argv[++i];
    }
    return err;
}

/* {id: ground_truth} out of lines of {"id", "ground_truth"}. */
static enum err read_answers(json_t **out, const char *path)
{
    struct rows *rows;
    enum err err = rows_open(&rows, path);

    *out = json_object();
    while (!err) {
        json_t *row = NULL, *truth;
        const char *id;
        err = rows_next(rows, &row);
        if (err || !row)
            break;
        id = json_string_value(json_object_get(row, "id"));
        truth = json_object_get(row, "ground_truth");
        if (id && truth)
            json_object_set(*out, id, truth);
        else if (err_set(ERR_PARSE, "expected {\"id\", \"ground_truth\"}"))
            err = rows_at(rows);
        json_decref(row);
    }
    rows_close(rows);
    return err;
}

/* {class: [functions]} out of a folder with one file of lines a class, as BFCL names them. */
static enum err read_functions(json_t **out, const char *folder)
{
    static const char *const classes[][2] = {
        {"GorillaFileSystem", "gorilla_file_system"},
        {"MathAPI", "math_api"},
        {"MessageAPI", "message_api"},
        {"TwitterAPI", "posting_api"},
        {"TicketAPI", "ticket_api"},
        {"TradingBot", "trading_bot"},
        {"TravelAPI", "travel_booking"},
        {"VehicleControlAPI", "vehicle_control"},
    };
    enum err err = OK;

    *out = json_object();
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]) && !err; i++) {
        char *path = mem_print("%s/%s.json", folder, classes[i][1]);
        struct rows *rows = NULL;
        json_t *list = json_array(), *row = NULL;
        if (fs_exists(path))
            err = rows_open(&rows, path);
        while (rows && !err && !(err = rows_next(rows, &row)) && row)
            json_array_append_new(list, row);
        if (json_array_size(list))
            json_object_set(*out, classes[i][0], list);
        json_decref(list);
        rows_close(rows);
        free(path);
    }
    return err;
}

static enum err fill_rule(struct job *job)
{
    const struct data_conf *conf = &job->conf;
    struct stream_rule *rule = &job->rule;
    enum err err = format_named(&rule->format.format, conf->format);

    rule->format.neutral = conf->neutral;
    rule->format.alternatives = conf->alternatives;
    rule->format.originals = conf->originals;
    rule->format.pairs = conf->pairs;
    rule->strict = conf->strict;
    rule->distinct = conf->distinct;
    rule->to.separator = conf->separator ? conf->separator : "\n";
    rule->to.pairs = (size_t)conf->pairs;
    rule->plain = !strcmp(conf->calls, "text");
    if (!err && !rule->plain && strcmp(conf->calls, "keep") != 0)
        err = err_set(ERR_RANGE, "calls '%s': known are keep, text", conf->calls);
    rule->convert = conf->to && *conf->to;
    if (!err && rule->convert)
        err = kind_named(&rule->to.to, conf->to);
    if (!err && conf->answers && *conf->answers)
        err = read_answers(&job->answers, conf->answers);
    if (!err && conf->functions && *conf->functions)
        err = read_functions(&job->functions, conf->functions);
    rule->format.answers = job->answers;
    rule->format.tools = job->functions;
    return err;
}

static enum err open_job(struct job *job, int argc, char **argv)
{
    char **rest = mem_new((size_t)argc + 1, sizeof(*rest));
    int n = 0;
    enum err err = sort_words(job, argc, argv, rest, &n);

    if (!err)
        err = command_conf(keys, &job->conf, n, rest);
    if (!err && !job->files)
        err = err_set(ERR_PARSE, "no file given");
    if (!err)
        err = fill_rule(job);
    free(rest);
    return err;
}

static void close_job(struct job *job)
{
    for (int i = 0; i < job->files; i++) {
        free(job->file[i]);
        free(job->split[i]);
    }
    free(job->file);
    free(job->split);
    json_decref(job->answers);
    json_decref(job->functions);
    command_conf_free(keys, &job->conf);
}

/* ---- lint ---- */

static long long number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void show_counts(const json_t *object, const char *what)
{
    const char *name;
    json_t *value;
    int i = 0;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
        printf("%s%s %lld", i++ ? ", " : what, name, (long long)json_integer_value(value));
}

static void show(const json_t *report)
{
    size_t i, k;
    json_t *item, *words;
    const char *name;

    json_array_foreach(json_object_get(report, "files"), i, item)
    {
        printf("%s (%s): %lld rows", json_string_value(json_object_get(item, "path")),
               json_string_value(json_object_get(item, "split")), number(item, "records"));
        show_counts(json_object_get(item, "formats"), "; read as ");
        show_counts(json_object_get(item, "kinds"), "; gives ");
        printf("\n");
    }
    printf("\n%-12s %9s %8s %8s %10s %8s %8s\n", "characters", "count", "min", "median", "mean",
           "p95", "max");
    json_object_foreach(json_object_get(report, "lengths"), name, item)
        printf("%-12s %9lld %8lld %8lld %10.1f %8lld %8lld\n", name, number(item, "count"),
               number(item, "min"), number(item, "median"),
               json_number_value(json_object_get(item, "mean")), number(item, "p95"),
               number(item, "max"));
    item = json_object_get(report, "pairs");
    if (number(item, "count"))
        printf("pairs: chosen is longer in %.1f %%, shorter in %.1f %%\n",
               100.0 * (double)number(item, "chosen_longer") / (double)number(item, "count"),
               100.0 * (double)number(item, "chosen_shorter") / (double)number(item, "count"));
    show_counts(json_object_get(report, "labels"), "labels: ");
    show_counts(json_object_get(report, "prompts"), "\nprompts: ");
    printf("\n");
    json_array_foreach(json_object_get(report, "problems"), i, item)
    {
        printf("\n%s: %s (%lld)\n", json_string_value(json_object_get(item, "severity")),
               json_string_value(json_object_get(item, "code")), number(item, "count"));
        json_array_foreach(json_object_get(item, "first"), k, words)
            printf("  %s\n", json_string_value(words));
    }
    printf("\n%lld errors, %lld warnings\n", number(report, "errors"),
           number(report, "warnings"));
}

static enum err write_report(const json_t *report, const char *path)
{
    char *text = json_dumps(report, JSON_INDENT(1));
    char *line = mem_print("%s\n", text ? text : "");
    enum err err = OK;

    if (!strcmp(path, "-"))
        fputs(line, stdout);
    else
        err = fs_write(path, line, strlen(line));
    free(text);
    free(line);
    return err;
}

static enum err run_lint(struct job *job, int *status)
{
    const char *path = job->conf.report && *job->conf.report ? job->conf.report : NULL;
    struct lint *lint = lint_new(&job->rule.format);
    json_t *report = NULL;
    enum err err = OK;

    for (int i = 0; i < job->files && !err; i++)
        err = lint_file(lint, job->file[i], job->split[i]);
    if (!err)
        report = lint_report(lint);
    if (!err && path)
        err = write_report(report, path);
    if (!err && (!path || strcmp(path, "-") != 0))
        show(report);
    if (!err && number(report, "errors"))
        *status = EXIT_FAILURE;
    json_decref(report);
    lint_free(lint);
    return err;
}

/* ---- convert and split ---- */

enum { PARTS = 3 };
static const char *const part_names[PARTS] = {"train", "validation", "test"};

struct sink {
    const struct job *job;
    struct fs_file *file[PARTS]; /* convert uses the first; NULL: standard output */
    size_t count[PARTS];
};

static enum err put(struct sink *sink, int part, const json_t *row)
{
    char *text = json_dumps(row, JSON_COMPACT);
    enum err err = text ? OK : err_set(ERR_PARSE, "a record that JSON has no word for");

    sink->count[part]++;
    if (!err && sink->file[part]) {
        err = fs_put(sink->file[part], text, strlen(text));
        if (!err)
            err = fs_put(sink->file[part], "\n", 1);
    } else if (!err && puts(text) < 0) {
        err = err_set(ERR_IO, "cannot write to standard output");
    }
    free(text);
    return err;
}

static enum err put_only(void *self, const json_t *row)
{
    return put(self, 0, row);
}

static enum err put_share(void *self, const json_t *row)
{
    struct sink *sink = self;
    const struct data_conf *conf = &sink->job->conf;
    double u;
    const enum err err =
        stream_share(&u, row, (uint64_t)conf->seed, !strcmp(conf->by, "record"));

    if (err)
        return err;
    return put(sink,
               u < conf->test_size                           ? 2
               : u < conf->test_size + conf->validation_size ? 1
                                                             : 0,
               row);
}

static void tell(const struct stream_count *count)
{
    fprintf(stderr, "%zu rows read, %zu records written", count->rows, count->written);
    if (count->repeated)
        fprintf(stderr, ", %zu came before", count->repeated);
    if (count->bad)
        fprintf(stderr, ", %zu bad left out; first: %s", count->bad, count->first);
    fprintf(stderr, "\n");
}

static enum err finish(struct sink *sink, enum err err)
{
    for (int i = 0; i < PARTS; i++) {
        if (err)
            fs_abort(sink->file[i]);
        else if (sink->file[i])
            err = fs_commit(sink->file[i]);
        sink->file[i] = NULL;
    }
    return err;
}

static enum err run_convert(struct job *job, int *status)
{
    struct sink sink = {.job = job};
    struct stream_count count = {0};
    enum err err = OK;

    (void)status;
    if (job->conf.output && *job->conf.output)
        err = fs_begin(&sink.file[0], job->conf.output);
    if (!err)
        err = stream_run((const char *const *)job->file, job->files, &job->rule, put_only,
                         &sink, &count);
    err = finish(&sink, err);
    if (!err)
        tell(&count);
    return err;
}

static enum err run_split(struct job *job, int *status)
{
    const struct data_conf *conf = &job->conf;
    struct sink sink = {.job = job};
    struct stream_count count = {0};
    enum err err = OK;

    (void)status;
    if (!conf->output || !*conf->output)
        return err_set(ERR_PARSE, "split needs --output FOLDER");
    if (strcmp(conf->by, "prompt") != 0 && strcmp(conf->by, "record") != 0)
        return err_set(ERR_RANGE, "by '%s': known are prompt, record", conf->by);
    if (conf->test_size + conf->validation_size >= 1)
        return err_set(ERR_RANGE, "test_size + validation_size leave nothing to train on");
    err = fs_mkdir(conf->output);
    for (int i = 0; i < PARTS && !err; i++) {
        char *path = mem_print("%s/%s.jsonl", conf->output, part_names[i]);
        if (i != 1 || conf->validation_size > 0)
            err = fs_begin(&sink.file[i], path);
        free(path);
    }
    if (!err)
        err = stream_run((const char *const *)job->file, job->files, &job->rule, put_share,
                         &sink, &count);
    err = finish(&sink, err);
    if (!err) {
        tell(&count);
        for (int i = 0; i < PARTS; i++)
            if (i != 1 || conf->validation_size > 0)
                fprintf(stderr, "%s: %zu\n", part_names[i], sink.count[i]);
    }
    return err;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    static const struct {
        const char *name;
        enum err (*run)(struct job *job, int *status);
    } verbs[] = {{"lint", run_lint}, {"convert", run_convert}, {"split", run_split}};
    struct job job = {.rule = {.strict = true}};
    enum err err = OK;

    (void)command;
    for (size_t i = 0; argc && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (!strcmp(argv[0], verbs[i].name)) {
            err = open_job(&job, argc - 1, argv + 1);
            if (!err)
                err = verbs[i].run(&job, status);
            close_job(&job);
            return err;
        }
    return err_set(ERR_PARSE, "expected lint, convert or split and files");
}

const struct command cmd_data = {
    "data",
    "data",
    "lint|convert|split FILE|FOLDER ... [key=value | --key value] ...",
    "look for flaws in data sets, turn formats into one another, divide by prompt",
    run,
    keys};
