/* rows: the objects of a file, whatever its form.
 *
 * * A file of lines is read line by line (data/jsonl.h). A .json file whose first line is not
 * an object of its own is read whole: a list gives its items, an object gives itself. Parquet
 * (columns/parquet.h) and Arrow (columns/arrow.h) are told by their first bytes, CSV by its
 * name (.csv, .tsv; csv.h); these three are streamed. All but Parquet and Arrow may be gzip or
 * zstd. */

#ifndef DATA_ROWS_H
#define DATA_ROWS_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { ROWS_WHOLE_MAX = 256 << 20 }; /* bytes of a file that is read whole */

struct rows;

/* A preference store (an SQLite file) in place of a file: this room knows none, so who may
 * open one (annotate/exchange) installs it. `labels`: how judgements become rows, or NULL: as
 * usual. Its rows are gone through once. Errors: its own. */
struct rows_source {
    enum err (*open)(void **out, const char *path, const char *labels);
    enum err (*next)(void *self, json_t **out); /* NULL at the end */
    void (*close)(void *self);
};
void rows_serve(const struct rows_source *source); /* NULL: none */
/* What is said of how judgements become labels ("each", "majority", "consensus"), for stores
 * that are opened from here on; NULL: as usual. Borrowed. */
void rows_labels(const char *labels);
/* Whether they come from a store: several rows may be about one prompt, and belong together. */
bool rows_are_judged(const struct rows *rows);

/* Columns that are called otherwise: `as` is the name that is asked for, `column` (or NULL, "": that
 * name) what the files that are read from here on call it. Borrowed; n 0: none. */
struct rows_name {
    const char *as, *column;
};
void rows_names(const struct rows_name *names, size_t n);

/* Errors: those of jsonl_open, parquet_open, arrow_open, csv_open; ERR_PARSE, ERR_RANGE for a
 * document. The words name the path. */
enum err rows_open(struct rows **out, const char *path) MUST_CHECK;
void rows_close(struct rows *rows); /* NULL is fine */

/* The next object, owned by the caller; NULL at the end. Errors: ERR_PARSE for one that is
 * none, lacks a column of rows_names, or holds what JSON cannot say (the next call goes on behind it); ERR_IO, ERR_RANGE: no
 * going on. Words begin with "path:line: ". */
enum err rows_next(struct rows *rows, json_t **out) MUST_CHECK;

/* Line (or item, or row, from 1) that the last rows_next returned or refused. */
long rows_line(const struct rows *rows);

/* Puts "path:line: " before the standing words. */
enum err rows_at(const struct rows *rows);

/* A whole JSON document, packed or not. Errors: ERR_IO, ERR_PARSE, ERR_RANGE; words name the
 * path. */
enum err rows_document(json_t **out, const char *path) MUST_CHECK;

#endif
