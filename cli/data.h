/* data: what the verbs of `drover data` share: keys, files, records on their way out. */

#ifndef CLI_DATA_H
#define CLI_DATA_H

#include "base/conf.h"
#include "data/stream.h"

struct fs_file;

struct data_conf {
    char *format, *to, *output, *report, *answers, *functions, *separator, *calls, *aggregate;
    char *method, *model, *chat_template_path, *dataset_text_field;
    json_t *by;
    bool strict, distinct, alternatives, originals, disable_tqdm;
    double neutral, test_size, validation_size, above, top;
    int pairs, seed, max_prompt_length, max_length;
};

struct data_job {
    struct data_conf conf;
    struct stream_rule rule;
    char **file;  /* given on the command line; folders replaced by their splits */
    char **split; /* "train", "test", ... for each file */
    int files;
    json_t *answers, *functions;
};

/* Words that are no key are files and folders. Errors: ERR_IO, ERR_PARSE, ERR_RANGE. */
enum err data_open(struct data_job *job, const struct conf_key *keys, int argc,
                   char **argv) MUST_CHECK;
void data_close(struct data_job *job, const struct conf_key *keys);

/* Gives each record of the job's files to `sink`, as stream_run does. */
enum err data_stream(const struct data_job *job, enum err (*sink)(void *self, const json_t *),
                     void *self, struct stream_count *count) MUST_CHECK;

/* Records as lines of a file that is whole or not there; path "" or NULL: standard output. */
struct data_out {
    struct fs_file *file;
    size_t count;
};
/* Errors: ERR_IO; ERR_RANGE for a name that says gzip: nothing is compressed. */
enum err data_out_open(struct data_out *out, const char *path) MUST_CHECK;
enum err data_out_put(struct data_out *out, const json_t *row) MUST_CHECK;
/* `err` so far: an error leaves no file, and is handed on. */
enum err data_out_close(struct data_out *out, enum err err) MUST_CHECK;

/* How many were read, written, left out: a line on stderr. */
void data_tell(const struct stream_count *count);

/* JSON to a file; "-": standard output. */
enum err data_report(const json_t *report, const char *path) MUST_CHECK;

/* The verbs. */
enum err data_inspect(struct data_job *job, int *status) MUST_CHECK;
enum err data_lint(struct data_job *job, int *status) MUST_CHECK;
enum err data_convert(struct data_job *job, int *status) MUST_CHECK;
enum err data_split(struct data_job *job, int *status) MUST_CHECK;
enum err data_filter(struct data_job *job, int *status) MUST_CHECK;

#endif
