/* sql: statements on the store's connection, for the files of this room alone.
 *
 * Statements are string literals, prepared once and kept. Values are bound by a word of one
 * letter each: i int64_t, r double, t const char * (NULL is null), b const void * and size_t,
 * h const struct hash *, j const json_t * (NULL is null; else its text). */

#ifndef PREFS_SQL_H
#define PREFS_SQL_H

#include "base/hash.h"
#include "prefs/bookmark.h"
#include "prefs/prefs.h"

#include <sqlite3.h>

enum { SQL_KEPT = 192 };

struct prefs {
    sqlite3 *db;
    char *path;
    int lock; /* flock on the file; -1 in a further reader */
    bool writer;
    int version;      /* of its tables (schema.h) */
    bool group, lost; /* a transaction is open; it was, and the disk took it away */
    bool scrub;       /* something was forgotten: the log must not keep it */
    int depth;        /* calls that are open: sql_begin within sql_begin */
    struct bookmarks *bookmarks;
    uint8_t secret[PREFS_SECRET];
    struct prefs_settings settings;
    struct {
        const char *text;
        sqlite3_stmt *made;
    } kept[SQL_KEPT];
};

/* What SQLite said, as words that name the file. */
enum err sql_failed(struct prefs *prefs, int code);

/* Begins a statement. Not to be used twice at once with the same text. *out is reset by the
 * step that finds no further row, and by sql_end. */
enum err sql_open(sqlite3_stmt **out, struct prefs *prefs, const char *text, const char *types,
                  ...) MUST_CHECK;
/* *row: there is one. */
enum err sql_step(struct prefs *prefs, sqlite3_stmt *statement, bool *row) MUST_CHECK;
void sql_end(sqlite3_stmt *statement); /* NULL is fine */
/* sql_open and its first row, which must be there. Errors: ERR_RANGE: there is none; the caller has the words
 * (err_set). */
enum err sql_row(sqlite3_stmt **out, struct prefs *prefs, const char *text, const char *types,
                 ...) MUST_CHECK;

/* One that gives no rows. */
enum err sql_do(struct prefs *prefs, const char *text, const char *types, ...) MUST_CHECK;
/* The first column of the first row; `none` where there is no row or it is null. */
enum err sql_number(struct prefs *prefs, int64_t *out, int64_t none, const char *text,
                    const char *types, ...) MUST_CHECK;

/* Columns of the row. Texts are copies, NULL for null. Errors: ERR_PARSE: not what the column
 * holds: the file was made by others. */
char *sql_text(sqlite3_stmt *statement, int column);
enum err sql_word(int *out, sqlite3_stmt *statement, int column,
                  const char *const *list) MUST_CHECK;
enum err sql_json(json_t **out, sqlite3_stmt *statement, int column) MUST_CHECK;
/* Into room bytes, cut where it is longer. */
void sql_copy(char *out, size_t room, sqlite3_stmt *statement, int column);

/* What changes the store stands between the two: sql_begin joins the open group or opens it;
 * sql_finish hands `err` on, and on an error takes back what was done since. */
enum err sql_begin(struct prefs *prefs) MUST_CHECK;
enum err sql_finish(struct prefs *prefs, enum err err) MUST_CHECK;

/* Ends all kept statements, before the connection is closed. */
void sql_forget(struct prefs *prefs);

#endif
