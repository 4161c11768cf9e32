/* stream: the records of some files, read, turned into another kind and checked, one by one. */

#ifndef DATA_STREAM_H
#define DATA_STREAM_H

#include "data/convert.h"
#include "data/format.h"

#include <stdint.h>

struct stream_rule {
    struct format_rule format;
    bool convert; /* to `to`; else records keep their kind */
    struct convert_rule to;
    bool plain;    /* calls become text (plain.h) */
    bool strict;   /* a bad record is an error; else it is counted and left out */
    bool distinct; /* a record that came before is counted and left out */
};

struct stream_count {
    size_t rows, bad, repeated, written;
    char first[320]; /* words of the first bad one */
    /* Of the record that the sink is given: where it was read. NULL: made of several. */
    const char *path;
    long line;
};

/* Gives each record to `sink`, which borrows it. Errors: those of reading; a bad record's
 * (file:line: reason) when strict; sink's. */
enum err stream_run(const char *const *path, int n, const struct stream_rule *rule,
                    enum err (*sink)(void *self, const json_t *row), void *self,
                    struct stream_count *count) MUST_CHECK;

/* Which part a prompt belongs to: its hash and the seed alone say, so that more data, another
 * order or another machine moves no prompt. In [0, 1): below `test` the test part, and so on.
 * Errors: record_kind_of's, record_kind_prompt's. `by_record`: the whole record decides, not its prompt. */
enum err stream_share(double *out, const json_t *row, uint64_t seed, bool by_record) MUST_CHECK;

#endif
