/* dataset: records out of files: one file, a folder of splits, or a mixture.
 *
 *   dataset_name: F.jsonl                  or a folder with train.jsonl, test.jsonl (split.h)
 *   datasets: [{path, name, data_files, split, columns, rename, fraction, weight}]
 *   test_split_size: a share below 1, or a number of records
 *
 * The same files and seed give the same records in the same order on every machine. */

#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATASET_ROWS_MAX = 50000000, DATASET_FILES_MAX = 4096 };

struct dataset_row {
    json_t *object; /* owned by the set */
    int file;       /* index into `file` */
    long line;      /* from 1 */
};

struct dataset {
    size_t n, room;
    struct dataset_row *row;
    int files;
    char **file;    /* paths as the user gave them */
    size_t skipped; /* bad lines left out */
    unsigned told;  /* formats that records were turned from unasked, a bit each: said once */
};

struct dataset_conf {
    const char *name;         /* dataset_name, or NULL */
    const json_t *mixture;    /* datasets, or NULL: exactly one of the two */
    const char *train, *test; /* names of the splits: "train", "test" */
    double test_size;         /* NAN: none */
    const char *format; /* data/format.h; NULL: TRL's columns; what has none of them by what it
                           is (format_rule.untold), and stderr is told */
    const char *text_field; /* the trainer's column of text, or NULL */
    bool strict;            /* a bad line is an error; else it is counted and left out */
    uint64_t seed;          /* of the held-out choice */
};

/* *test is NULL when nothing is held out. Errors: ERR_IO, ERR_PARSE, ERR_RANGE; the words name
 * file, line and reason. An empty training set is an error. */
enum err dataset_load(struct dataset **train, struct dataset **test,
                      const struct dataset_conf *conf) MUST_CHECK;
void dataset_free(struct dataset *set); /* NULL is fine */

/* Puts "file:line: " before the standing words. */
enum err dataset_at(const struct dataset *set, size_t row);

/* Counts a record that strict=false leaves out, for the standing words; of the first bad one
 * of a set, lines that dataset_load left out included, stderr is told where and why. */
void dataset_left_out(const struct dataset *set, size_t row, size_t *skipped);

#endif
