/* dataset: records out of files: one file, a folder of splits, or a mixture.
 *
 *   dataset_name: F.jsonl                  or a folder with train.jsonl, test.jsonl (split.h), or
 *                                          a name on a hub (published.h)
 *   datasets: [{path, name, revision, data_dir, data_files, split, columns, rename, fraction, weight}]
 *   test_split_size: a share below 1, or a number of records
 *
 * The same files and seed give the same records in the same order on every machine. Records are
 * kept as text, of which more than DATASET_MEMORY lies on disk (base/spool.h): in memory is where
 * each begins. */

#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/err.h"
#include "data/dataset_row.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATASET_ROWS_MAX = 50000000, DATASET_FILES_MAX = 4096, DATASET_MEMORY = 64 << 20 };

struct spool;

struct dataset {
    size_t n, room;
    struct dataset_row *row;
    struct spool *spool;
    char *text; /* [used] in the spool */
    size_t used;
    int files;
    char **file;    /* paths as the user gave them */
    size_t skipped; /* bad lines left out */
    bool judged;    /* some come from a preference store: what is held out is whole prompts */
    unsigned told;  /* formats that records were turned from unasked, a bit each: said once */
};

struct dataset_conf {
    const char *name;         /* dataset_name, or NULL */
    const char *config;       /* dataset_config: of a set that has several; or NULL */
    const json_t *mixture;    /* datasets, or NULL: exactly one of the two */
    const char *train, *test; /* names of the splits: "train", "test" */
    double test_size;         /* NAN: none */
    const char *labels;       /* of a preference store: each, majority, consensus; NULL: each */
    const char *format; /* data/format.h; NULL: TRL's columns; what has none of them by what it
                           is (format_rule.untold), and stderr is told */
    const char *text_field; /* the trainer's column of text, or NULL */
    bool strict;            /* a bad line is an error; else it is counted and left out */
    uint64_t seed;          /* of the held-out choice */
    const char *folder;     /* for what memory is not to hold; NULL: spool_new's */
    size_t memory;          /* bytes of text in memory; 0: DATASET_MEMORY */
};

/* *test is NULL when nothing is held out. Errors: ERR_IO, ERR_PARSE, ERR_RANGE; the words name
 * file, line and reason. An empty training set is an error. */
enum err dataset_load(struct dataset **train, struct dataset **test,
                      const struct dataset_conf *conf) MUST_CHECK;
void dataset_free(struct dataset *set); /* NULL is fine */

/* A record, read again: the caller's, to be released. Errors: ERR_IO, when the disk does not give
 * back what was put there. */
enum err dataset_record(json_t **out, const struct dataset *set, size_t row) MUST_CHECK;

/* The same as an example (example.h), which is the caller's. Errors: example_read's, too. */
struct example;
struct example_rule;
enum err dataset_example(struct example *out, const struct dataset *set, size_t row,
                         const struct example_rule *rule) MUST_CHECK;

/* A set of records that do not come from a file of their own: a new one (folder, memory: as in
 * dataset_conf), a name for words, a record more. Errors: spool_room's. */
struct dataset *dataset_new(const char *folder, size_t memory);
int dataset_name_file(struct dataset *set, const char *path);
enum err dataset_push(struct dataset *set, const json_t *object, int file,
                      long line) MUST_CHECK;

/* Puts "file:line: " before the standing words. */
enum err dataset_at(const struct dataset *set, size_t row);

/* Counts a record that strict=false leaves out, for the standing words; of the first bad one
 * of a set, lines that dataset_load left out included, stderr is told where and why. */
void dataset_left_out(const struct dataset *set, size_t row, size_t *skipped);

#endif
