/* How it works: dataset_load reads a file, a folder's split or a mixture into one array of
 * objects with their places, and then perhaps moves a seeded choice of them into a second
 * set. Files are read in the order they are named, and rows keep it, so that the same files
 * and seed give the same records everywhere; shuffling is order.c's, each epoch.
 *
 * What must hold: a row's `file` indexes `file` of its own set, for words to people; a row's text
 * is in its own set's spool (hold_out copies it there). A record is text while it waits, a tenth
 * of the size of its objects, and becomes objects again for as long as somebody looks at it: a
 * method looks at each once, in order. Rows that are left out leave their text behind; it is not
 * worth a second pass over the file. */
#include "data/dataset.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/say.h"
#include "base/spool.h"
#include "data/example.h"
#include "data/format.h"
#include "data/keep.h"
#include "data/mixture.h"
#include "data/published.h"
#include "data/rows.h"
#include "data/slice.h"
#include "data/split.h"
#include "data/stream.h"
#include "data/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct dataset *dataset_new(const char *folder, size_t memory)
{
    struct dataset *set = mem_new(1, sizeof(*set));

    set->spool = spool_new(folder, memory ? memory : DATASET_MEMORY, "the records");
    return set;
}

static struct dataset *set_new(const struct dataset_conf *conf)
{
    return dataset_new(conf->folder, conf->memory);
}

void dataset_free(struct dataset *set)
{
    if (!set)
        return;
    spool_free(set->spool);
    for (int i = 0; i < set->files; i++)
        free(set->file[i]);
    free(set->row);
    free(set->file);
    free(set);
}

enum err dataset_at(const struct dataset *set, size_t row)
{
    return err_add("%s:%ld", set->file[set->row[row].file], set->row[row].line);
}

static enum err push_text(struct dataset *set, const char *text, size_t n, int file, long line)
{
    const enum err err = spool_room(set->spool, set->used + n, &set->text);

    if (err)
        return err;
    if (set->n == set->room) {
        set->room = set->room ? 2 * set->room : 1024;
        set->row = mem_grow(set->row, set->room, sizeof(*set->row));
    }
    memcpy(set->text + set->used, text, n);
    set->row[set->n++] =
        (struct dataset_row){.at = set->used, .bytes = n, .file = file, .line = line};
    set->used += n;
    spool_seen(set->spool, n);
    return OK;
}

/* Seventeen digits give every double back, and jansson keeps the order of keys. */
enum err dataset_push(struct dataset *set, const json_t *object, int file, long line)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17));
    enum err err;

    if (!text)
        return err_set(ERR_NOMEM, "no memory for a record");
    err = push_text(set, text, strlen(text), file, line);
    free(text);
    return err;
}

enum err dataset_record(json_t **out, const struct dataset *set, size_t row)
{
    const struct dataset_row *r = &set->row[row];
    json_error_t why;

    *out = json_loadb(set->text + r->at, r->bytes, 0, &why);
    spool_seen(set->spool, r->bytes);
    if (*out)
        return OK;
    err_set(ERR_IO, "a record that was put aside is not what it was: %s", why.text);
    (void)dataset_at(set, row);
    return ERR_IO;
}

/* An example holds references of its own to what it shows. */
enum err dataset_example(struct example *out, const struct dataset *set, size_t row,
                         const struct example_rule *rule)
{
    json_t *object = NULL;
    enum err err = dataset_record(&object, set, row);

    if (!err)
        err = example_read(out, object, rule);
    json_decref(object);
    return err;
}

/* A place to name in words: rows keep its index. */
int dataset_name_file(struct dataset *set, const char *path)
{
    set->file = mem_grow(set->file, (size_t)set->files + 1, sizeof(*set->file));
    set->file[set->files] = mem_text(path);
    return set->files++;
}

/* Nobody asked for it, so it is said; once a set and format. */
static void tell_format(struct dataset *set, enum format format, int file)
{
    if (!(set->told & 1u << format))
        say(stderr, "data: %s: no columns of TRL's: read as format=%s\n", set->file[file],
            format_name(format));
    set->told |= 1u << format;
}

/* What a row of the file gives, by the configuration's format. */
static enum err push_rows(struct dataset *set, json_t *object, int file, long line,
                          const struct dataset_conf *conf)
{
    struct format_rule rule = format_usual();
    json_t *made, *item;
    size_t i;
    enum err err = OK;

    if (set->n >= DATASET_ROWS_MAX)
        return err_set(ERR_RANGE, "%s: more than %d records", set->file[file],
                       DATASET_ROWS_MAX);
    rule.untold = !conf->format;
    rule.text_field = conf->text_field;
    err = format_named(&rule.format, conf->format);
    if (!err && rule.untold)
        rule.format = format_as(object, &rule);
    if (!err && rule.format == FORMAT_TRL)
        return dataset_push(set, object, file, line);
    if (!err && rule.untold)
        tell_format(set, rule.format, file);
    made = json_array();
    if (!err)
        err = format_rows(made, object, &rule);
    if (err)
        err = err_add("%s:%ld", set->file[file], line);
    json_array_foreach(made, i, item) if (!err) err = dataset_push(set, item, file, line);
    json_decref(made);
    return err;
}

/* Said once a set, at the first: a file with a thousand bad lines shall not say so a thousand
 * times. `before` counts those that loading left out already. */
static void left_out(const char *path, size_t *skipped, size_t before)
{
    if (!*skipped && !before)
        say(stderr,
            "data: left out, as strict=false says: %s; `drover data lint %s` lists every bad "
            "record\n",
            err_text(), path);
    ++*skipped;
}

void dataset_left_out(const struct dataset *set, size_t row, size_t *skipped)
{
    (void)dataset_at(set, row);
    left_out(set->file[set->row[row].file], skipped, set->skipped);
}

/* A record, or a message of OpenAssistant's table, which waits for its tree. */
static enum err push_object(struct dataset *set, json_t *object, int file, long line,
                            const struct dataset_conf *conf, struct threads *threads)
{
    const bool joined = conf->format && !strcmp(conf->format, "oasst");

    if (!joined || !threads_message(object))
        return push_rows(set, object, file, line, conf);
    return threads_take(threads, object, line) ? err_add("%s:%ld", set->file[file], line) : OK;
}

/* OpenAssistant's table of messages, told to be read as format=oasst: a tree at a time, as soon as
 * all of the file is there. */
static enum err push_threads(struct dataset *set, struct threads *threads, int file,
                             const struct dataset_conf *conf)
{
    json_t *tree;
    long line = 0;
    enum err err = OK;

    while (!err && (tree = threads_next(threads, &line))) {
        err = push_rows(set, tree, file, line, conf);
        json_decref(tree);
        if (err == ERR_PARSE && !conf->strict) {
            left_out(set->file[file], &set->skipped, 0);
            err = OK;
        }
    }
    if (!err && threads_astray(threads))
        say(stderr, "data: %s: %zu messages left out: what they reply to is not there\n",
            set->file[file], threads_astray(threads));
    return err;
}

/* The file's records; `mixture` (may be NULL) selects and renames columns. */
static enum err read_file(struct dataset *set, const char *path, const struct mixture *mixture,
                          const struct dataset_conf *conf)
{
    struct rows *file = NULL;
    struct threads *threads = threads_new();
    enum err err = rows_open(&file, path);
    const int index = err ? 0 : dataset_name_file(set, path);

    set->judged |= !err && rows_are_judged(file);

    while (!err) {
        json_t *object = NULL;
        err = rows_next(file, &object);
        if (!err && !object)
            break;
        if (!err && mixture) {
            err = mixture_apply(mixture, object);
            if (err)
                err = err_add("%s:%ld", path, rows_line(file));
        }
        if (!err)
            err = push_object(set, object, index, rows_line(file), conf, threads);
        json_decref(object);
        /* What the data say wrong is left out; what the disk or the configuration does is
         * not. */
        if (err == ERR_PARSE && !conf->strict) {
            left_out(path, &set->skipped, 0);
            err = OK;
        }
    }
    rows_close(file);
    if (!err)
        err = push_threads(set, threads, index, conf);
    threads_free(threads);
    return err;
}

/* Parts are read whole before shares are taken: a share is of what is there. */
static enum err read_mixture(struct dataset *set, const struct dataset_conf *conf)
{
    const size_t n = json_array_size(conf->mixture);
    double *fraction = mem_new(n + 1, sizeof(*fraction));
    size_t *start = mem_new(n + 1, sizeof(*start)), *keep = mem_new(n + 1, sizeof(*keep));
    size_t *rows = mem_new(n + 1, sizeof(*rows));
    struct mixture *part = mem_new(1, sizeof(*part));
    enum err err = OK;

    for (size_t i = 0; i < n && !err; i++) {
        start[i] = set->n;
        err = mixture_read(part, json_array_get(conf->mixture, i));
        for (size_t f = 0; f < part->files && !err; f++)
            err = read_file(set, part->file[f], part, conf);
        if (!err)
            keep_slice(set->row, &set->n, start[i], &part->slice);
        if (!err && part->weight < 1)
            keep_weight(set->row, &set->n, start[i], part->weight, conf->seed);
        fraction[i] = part->fraction;
        rows[i] = set->n - start[i];
        mixture_free(part);
    }
    if (!err)
        err = mixture_shares(keep, fraction, rows, n);
    if (!err)
        keep_shares(set->row, &set->n, start, keep, n);
    free(fraction);
    free(start);
    free(keep);
    free(rows);
    free(part);
    return err;
}

/* A split's files, one after the other. */
static enum err read_split(struct dataset *set, const struct split *split,
                           const struct dataset_conf *conf)
{
    enum err err = OK;

    for (size_t i = 0; i < split->n && !err; i++)
        err = read_file(set, split->file[i], NULL, conf);
    return err;
}

/* The files of one split, wherever the set lies. A configuration of a folder is a folder in it. */
static enum err find(struct split *out, struct slice *slice, const struct dataset_conf *conf,
                     const char *wanted, bool must)
{
    const struct published what = {
        .name = conf->name, .config = conf->config, .split = slice->split};
    const char *const split = slice->split;
    const bool none = !wanted || !*wanted; /* evaluations ask for one split alone */
    char *folder;
    enum err err = slice_read(slice, none ? "none" : wanted);

    *out = (struct split){.n = 0};
    if (err || none)
        return err;
    if (published_is(conf->name))
        return published_find(out, &what, must);
    folder = conf->config ? mem_print("%s/%s", conf->name, conf->config) : mem_text(conf->name);
    if (conf->config && !fs_is_dir(folder)) {
        if (must) /* once: the training split is looked for first */
            say(stderr, "data: %s has no folder %s: dataset_config is not read\n", conf->name,
                conf->config);
        free(folder);
        folder = mem_text(conf->name);
    }
    err = split_find(out, folder, split);
    if (!err && must && !out->n)
        err = err_set(ERR_IO, "dataset_name: %s has no %s.jsonl, nor %s in another form",
                      folder, split, split);
    free(folder);
    return err;
}

/* dataset_name: a file, a folder of splits, or a set on a hub. */
static enum err read_name(struct dataset *train, struct dataset **test,
                          const struct dataset_conf *conf)
{
    struct split split;
    struct slice slice;
    enum err err;

    if (!fs_is_dir(conf->name) && !published_is(conf->name)) {
        if (conf->config)
            say(stderr, "data: %s: is one file: dataset_config=%s is not read\n", conf->name,
                conf->config);
        err = slice_read(&slice, conf->train);
        if (!err)
            err = read_file(train, conf->name, NULL, conf);
        if (!err)
            keep_slice(train->row, &train->n, 0, &slice);
        return err;
    }
    err = find(&split, &slice, conf, conf->train, true);
    if (!err)
        err = read_split(train, &split, conf);
    if (!err)
        keep_slice(train->row, &train->n, 0, &slice);
    split_free(&split);
    if (err)
        return err;
    err = find(&split, &slice, conf, conf->test, false);
    if (!err && split.n) {
        *test = set_new(conf);
        err = read_split(*test, &split, conf);
        keep_slice((*test)->row, &(*test)->n, 0, &slice);
    }
    split_free(&split);
    return err;
}

/* Marks the rows whose prompts are held out: as `drover data split` divides, so that what people said
 * of a prompt is on one side. Errors: a record without a prompt. */
static enum err hold_prompts(bool *held, const struct dataset *train, double share,
                             uint64_t seed)
{
    enum err err = OK;

    for (size_t i = 0; i < train->n && !err; i++) {
        json_t *row = NULL;
        double at = 1;
        err = dataset_record(&row, train, i);
        if (!err)
            err = stream_share(&at, row, seed, false);
        held[i] = at < share;
        json_decref(row);
    }
    return err;
}

/* Moves a seeded choice of rows into a set of their own; both keep the files' order. */
static enum err hold_out(struct dataset *train, struct dataset **test,
                         const struct dataset_conf *conf)
{
    const double size = conf->test_size;
    const size_t count = size < 1 ? (size_t)ceil(size * (double)train->n) : (size_t)size;
    uint32_t *order;
    bool *held;
    size_t to = 0;
    enum err err = OK;

    if (!(size > 0) || count >= train->n || (size >= 1 && size != floor(size)))
        return err_set(ERR_RANGE,
                       "test_split_size: %g of %zu records: expected a share below 1 or a "
                       "smaller number of records",
                       size, train->n);
    order = mem_new(train->n, sizeof(*order));
    held = mem_new(train->n, sizeof(*held));
    /* UINT64_MAX: an epoch that no training reaches, so that the choice has draws of its
     * own. */
    rng_shuffle(order, train->n, conf->seed, RNG_ORDER, UINT64_MAX);
    if (train->judged)
        err = hold_prompts(held, train, (double)count / (double)train->n, conf->seed);
    for (size_t i = 0; i < count && !train->judged; i++)
        held[order[i]] = true;
    *test = set_new(conf);
    for (int i = 0; i < train->files; i++)
        dataset_name_file(*test, train->file[i]);
    for (size_t i = 0; i < train->n && !err; i++) {
        const struct dataset_row *row = &train->row[i];
        if (held[i])
            err = push_text(*test, train->text + row->at, row->bytes, row->file, row->line);
        else
            train->row[to++] = *row;
    }
    train->n = to;
    free(order);
    free(held);
    return err;
}

/* Exactly one of a name and a mixture; a test set that the folder brings stands before one that
 * would be held out. */
static enum err load(struct dataset *train, struct dataset **test,
                     const struct dataset_conf *conf)
{
    const size_t parts = json_array_size(conf->mixture);
    enum err err;

    if (!conf->name && !parts)
        return err_set(ERR_PARSE, "dataset_name is missing: the path of a JSONL file");
    if (conf->name && parts)
        return err_set(ERR_PARSE, "give either dataset_name or datasets, not both");
    err = conf->name ? read_name(train, test, conf) : read_mixture(train, conf);
    if (err)
        return err;
    if (!train->n)
        return err_set(ERR_PARSE, "%s: holds no record", conf->name ? conf->name : "datasets");
    if (!isnan(conf->test_size) && !*test)
        return hold_out(train, test, conf);
    return OK;
}

/* On an error both sets are gone: callers need not ask how far it came. */
enum err dataset_load(struct dataset **train, struct dataset **test,
                      const struct dataset_conf *conf)
{
    struct dataset *set = set_new(conf);
    enum err err;

    *train = *test = NULL;
    rows_labels(conf->labels);
    err = load(set, test, conf);
    rows_labels(NULL);
    if (err) {
        dataset_free(set);
        dataset_free(*test);
        *test = NULL;
        return err;
    }
    *train = set;
    return OK;
}
