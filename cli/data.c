/* How it works: words of the command line are sorted into files (folders give their splits)
 * and keys; the keys become the rule by which stream_run reads, turns and checks records
 * (data/stream.h). Records go out line by line into a file that appears when it is whole, so
 * an error half way leaves no half data set that someone trains on.
 *
 * A word with '=' is a key, unless a file of that name is there: names with '=' exist. */
#include "cli/data.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "data/published.h"
#include "data/rows.h"
#include "data/split.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies both. */
static void add_file(struct data_job *job, const char *path, const char *split)
{
    job->file = mem_grow(job->file, (size_t)job->files + 1, sizeof(*job->file));
    job->split = mem_grow(job->split, (size_t)job->files + 1, sizeof(*job->split));
    job->file[job->files] = mem_text(path);
    job->split[job->files++] = mem_text(split);
}

/* "data/test-00.jsonl.gz" is of the split test-00. */
static void add_named(struct data_job *job, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *stem = mem_print("%.*s", (int)strcspn(name, "."), name);

    add_file(job, path, stem);
    free(stem);
}

/* A folder stands for its splits, each under its own name. */
static enum err add_path(struct data_job *job, const char *path)
{
    static const char *const splits[] = {"train", "validation", "test"};
    bool any = false;
    enum err err = OK;

    const bool far = published_is(path);

    if (!fs_is_dir(path) && !far) {
        add_named(job, path);
        return OK;
    }
    for (int i = 0; i < 3 && !err; i++) {
        const struct published what = {.name = path, .split = splits[i]};
        struct split split;
        err = far ? published_find(&split, &what, false) : split_find(&split, path, splits[i]);
        for (size_t k = 0; k < split.n; k++)
            add_file(job, split.file[k], splits[i]);
        any = any || split.n;
        split_free(&split);
    }
    if (!err && !any)
        err = err_set(ERR_IO,
                      "%s: no train.jsonl, validation.jsonl or test.jsonl, nor these in "
                      "another form",
                      path);
    return err;
}

/* Words that are no key are files: --key value, --key=value and key=value are keys. */
static enum err sort_words(struct data_job *job, int argc, char **argv, char **rest, int *n)
{
    enum err err = OK;

    for (int i = 0; i < argc && !err; i++) {
        const bool key = !strncmp(argv[i], "--", 2);
        if (key || (strchr(argv[i], '=') && !fs_exists(argv[i])))
            rest[(*n)++] = argv[i];
        else
            err = add_path(job, argv[i]);
        /* The value of --key is the next word, even if it names a file. */
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
        /* Not all classes need be there: a set of records uses a few of them. */
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

/* Errors of the keys come before any file is read. */
static enum err fill_rule(struct data_job *job)
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
        err = record_kind_named(&rule->to.to, conf->to);
    if (!err && conf->answers && *conf->answers)
        err = read_answers(&job->answers, conf->answers);
    if (!err && conf->functions && *conf->functions)
        err = read_functions(&job->functions, conf->functions);
    rule->format.answers = job->answers;
    rule->format.tools = job->functions;
    return err;
}

enum err data_open(struct data_job *job, const struct conf_key *keys, int argc, char **argv)
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

void data_close(struct data_job *job, const struct conf_key *keys)
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

enum err data_stream(const struct data_job *job, enum err (*sink)(void *self, const json_t *),
                     void *self, struct stream_count *count)
{
    return stream_run((const char *const *)job->file, job->files, &job->rule, sink, self,
                      count);
}

enum err data_out_open(struct data_out *out, const char *path)
{
    const size_t n = path ? strlen(path) : 0;

    *out = (struct data_out){NULL, 0};
    if (n > 3 && !strcmp(path + n - 3, ".gz")) /* what reads it would take it for one */
        return err_set(ERR_RANGE,
                       "output: '%s': lines are written plain, not as gzip: name it without "
                       ".gz, and compress it behind",
                       path);
    return path && *path ? fs_begin(&out->file, path) : OK;
}

enum err data_out_put(struct data_out *out, const json_t *row)
{
    char *text = json_dumps(row, JSON_COMPACT);
    enum err err = text ? OK : err_set(ERR_PARSE, "a record that JSON has no word for");

    out->count++;
    if (!err && out->file) {
        err = fs_put(out->file, text, strlen(text));
        if (!err)
            err = fs_put(out->file, "\n", 1);
    } else if (!err) {
        say_text(stdout, text, strlen(text));
        if (putchar('\n') == EOF)
            err = err_set(ERR_IO, "cannot write to standard output");
    }
    free(text);
    return err;
}

/* A file appears whole here, or not at all. */
enum err data_out_close(struct data_out *out, enum err err)
{
    if (err)
        fs_abort(out->file);
    else if (out->file)
        err = fs_commit(out->file);
    else if (fflush(stdout))
        err = err_set(ERR_IO, "cannot write to standard output: %s", strerror(errno));
    out->file = NULL;
    return err;
}

void data_tell(const struct stream_count *count)
{
    fprintf(stderr, "%zu rows read, %zu records written", count->rows, count->written);
    if (count->repeated)
        fprintf(stderr, ", %zu came before", count->repeated);
    if (count->bad)
        say(stderr, ", %zu bad left out; first: %s", count->bad, count->first);
    fprintf(stderr, "\n");
}

enum err data_report(const json_t *report, const char *path)
{
    char *text = json_dumps(report, JSON_INDENT(1));
    char *line = mem_print("%s\n", text ? text : "");
    enum err err = OK;

    if (!strcmp(path, "-"))
        say_text(stdout, line, strlen(line));
    else
        err = fs_write(path, line, strlen(line));
    free(text);
    free(line);
    return err;
}
