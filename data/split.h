/* split: the files of one split in a folder, as data sets are published and saved.
 *
 *   SPLIT.jsonl                                one file, of any form that rows.h reads
 *   SPLIT-00000-of-00002.parquet               shards, here or in data/
 *   SPLIT/…                                    a folder of files, here or in data/
 *   SPLIT/state.json + data-00000-of-…arrow    what save_to_disk of `datasets` writes */

#ifndef DATA_SPLIT_H
#define DATA_SPLIT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { SPLIT_FILES_MAX = 4096 };

struct split {
    char **file; /* [n] paths, in the order in which they are read */
    size_t n;
};

/* n is 0 where the folder has no such split. Errors: ERR_IO (a folder that cannot be read),
 * ERR_PARSE (a shard is missing, two forms lie beside one another, a state.json that is none),
 * ERR_RANGE (too many files). On an error *out holds nothing. */
enum err split_find(struct split *out, const char *folder, const char *split) MUST_CHECK;
void split_free(struct split *split);

/* Whether the name is one of data in a form that is read. */
bool split_is_data(const char *path);

#endif
