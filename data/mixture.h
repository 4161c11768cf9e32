/* mixture: the `datasets:` list of a configuration: which files, columns and shares. */

#ifndef DATA_MIXTURE_H
#define DATA_MIXTURE_H

#include "base/err.h"
#include "data/slice.h"

#include <jansson.h>
#include <stddef.h>

enum { MIXTURE_FILES_MAX = 1024, MIXTURE_MAX = 1024 };

/* One entry: {path, name, data_files, split, columns, rename, fraction, weight}. `path` is a
 * file, a folder of splits (split.h; `name`: a folder in it), a set on a hub (published.h; `name`:
 * its configuration; revision, data_dir, data_files as in `datasets`), or the word json (parquet,
 * csv, arrow) with data_files (a path, a list, or {split: path or list}). All members borrow from the
 * tree, `file` excepted. */
struct mixture {
    char *file[MIXTURE_FILES_MAX];
    size_t files;
    struct slice slice;    /* of the part's records: split: train[:1000] */
    const json_t *columns; /* list of names to keep, or NULL */
    const json_t *rename;  /* {from: to}, or NULL */
    double fraction;       /* of the whole mixture, as TRL's; NAN when not given */
    double weight; /* of the part's own rows, as the alignment handbook's, in (0, 1]; NAN
                              when not given; never both */
};

/* Errors: ERR_PARSE, ERR_RANGE, ERR_IO; the words name the key. Release with mixture_free. */
enum err mixture_read(struct mixture *out, const json_t *entry) MUST_CHECK;
void mixture_free(struct mixture *mixture);

/* Keeps and renames columns of a record in place. Errors: ERR_PARSE names a missing column. */
enum err mixture_apply(const struct mixture *mixture, json_t *object) MUST_CHECK;

/* How many of each part's rows are kept: shares are normalised, no part gives more than it has.
 * All fractions are given or none. Errors: ERR_RANGE. */
enum err mixture_shares(size_t *keep, const double *fraction, const size_t *rows,
                        size_t n) MUST_CHECK;

#endif
