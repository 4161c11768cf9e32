/* drover data split: data divided by prompt.
 *
 * How it works: a prompt's hash with the seed says which part it belongs to (stream_share),
 * so all records of a prompt fall together, whatever the order, the number or the files: a
 * model is never tested on a question that it saw. The share is right on average, and not to
 * the row. */
#include "base/fs.h"
#include "base/mem.h"
#include "cli/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 3 };
static const char *const part_names[PARTS] = {"train", "validation", "test"};

/* A file a part; validation is opened only if it shall have a share. */
struct sink {
    const struct data_conf *conf;
    struct data_out out[PARTS];
};

static bool by_record(const struct data_conf *conf)
{
    return conf->by && !strcmp(json_string_value(conf->by), "record");
}

/* u is the prompt's, in [0, 1): the test part takes the first of it, validation the next. */
static enum err put_share(void *self, const json_t *row)
{
    struct sink *sink = self;
    const struct data_conf *conf = sink->conf;
    double u;
    const enum err err = stream_share(&u, row, (uint64_t)conf->seed, by_record(conf));

    if (err)
        return err;
    return data_out_put(&sink->out[u < conf->test_size                           ? 2
                                   : u < conf->test_size + conf->validation_size ? 1
                                                                                 : 0],
                        row);
}

/* All that can be wrong before a file is written. */
static enum err may_split(const struct data_conf *conf)
{
    const char *by = json_string_value(conf->by);

    if (!conf->output || !*conf->output)
        return err_set(ERR_PARSE, "split needs --output FOLDER");
    if (conf->by && (!by || (strcmp(by, "prompt") != 0 && strcmp(by, "record") != 0)))
        return err_set(ERR_RANGE, "by '%s': known are prompt, record", by ? by : "{...}");
    if (conf->test_size + conf->validation_size >= 1)
        return err_set(ERR_RANGE, "test_size + validation_size leave nothing to train on");
    return fs_mkdir(conf->output);
}

enum err data_split(struct data_job *job, int *status)
{
    const struct data_conf *conf = &job->conf;
    struct sink sink = {.conf = conf};
    struct stream_count count = {0};
    bool open[PARTS] = {false};
    enum err err = may_split(conf);

    (void)status;
    for (int i = 0; i < PARTS && !err; i++) {
        char *path = mem_print("%s/%s.jsonl", conf->output, part_names[i]);
        if (i != 1 || conf->validation_size > 0)
            open[i] = !(err = data_out_open(&sink.out[i], path));
        free(path);
    }
    if (!err)
        err = data_stream(job, put_share, &sink, &count);
    for (int i = 0; i < PARTS; i++)
        if (open[i])
            err = data_out_close(&sink.out[i], err);
    if (err)
        return err;
    data_tell(&count);
    for (int i = 0; i < PARTS; i++)
        if (open[i])
            fprintf(stderr, "%s: %zu\n", part_names[i], sink.out[i].count);
    return OK;
}
