/* Statements are found by the address of their text, which is a literal: no text is built, so
 * that no value of anyone's can become one. A call that changes the store is a savepoint
 * within the group's transaction: it happens whole or not at all, and the group goes on. Where
 * the disk refuses, SQLite may take back the whole transaction by itself; then everything that
 * the group held is gone, `lost` says so, and nothing is taken until the group was ended: else
 * half of a group would be acknowledged. */

#include "prefs/sql.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum err sql_failed(struct prefs *prefs, int code)
{
    const char *const path = prefs->path;

    if (prefs->group && sqlite3_get_autocommit(prefs->db))
        prefs->lost = true;
    switch (code & 0xff) {
    case SQLITE_FULL:
        return err_set(ERR_IO, "%s: disk full: nothing of this was saved", path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(ERR_PARSE, "%s: damaged, or not a store (%s)", path,
                       sqlite3_errmsg(prefs->db));
    case SQLITE_NOMEM:
        return err_set(ERR_NOMEM, "%s: out of memory", path);
    case SQLITE_CONSTRAINT:
        return err_set(ERR_STATE, "%s: against a rule of the store (%s)", path,
                       sqlite3_errmsg(prefs->db));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(ERR_STATE, "%s: in use", path);
    case SQLITE_TOOBIG:
        return err_set(ERR_RANGE, "%s: a value is too long", path);
    default:
        return err_set(ERR_IO, "%s: %s", path, sqlite3_errmsg(prefs->db));
    }
}

/* ---- statements */

/* Open addressing over a fixed table: a connection prepares each text once in its life, and no
 * statement is ever thrown out, so that one in use by a visit cannot vanish under it. */
static enum err prepared(sqlite3_stmt **out, struct prefs *prefs, const char *text)
{
    size_t at = ((uintptr_t)text >> 3) % SQL_KEPT;
    int code;

    for (size_t tries = 0; tries < SQL_KEPT && prefs->kept[at].text; tries++) {
        if (prefs->kept[at].text == text) {
            *out = prefs->kept[at].made;
            return OK;
        }
        at = (at + 1) % SQL_KEPT;
    }
    if (prefs->kept[at].text) /* more literals than places: a bug, shown by any test */
        return err_set(ERR_NOMEM, "%s: too many statements", prefs->path);
    code = sqlite3_prepare_v3(prefs->db, text, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    if (code)
        return sql_failed(prefs, code);
    prefs->kept[at].text = text;
    prefs->kept[at].made = *out;
    return OK;
}

/* NULL becomes SQL null, which is not the JSON text "null": a column that may be absent says
 * so in one way only. */
static int bind_json(sqlite3_stmt *made, int at, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    if (value && !text)
        return SQLITE_NOMEM;
    return text ? sqlite3_bind_text(made, at, text, -1, free) : sqlite3_bind_null(made, at);
}

/* Texts and blobs are copied by SQLite: what the caller gave may be gone before the statement
 * ends. */
static int bind(sqlite3_stmt *made, const char *types, va_list *values)
{
    int code = SQLITE_OK, at = 1;

    for (; *types && !code; types++, at++) {
        const void *bytes;
        switch (*types) {
        case 'i':
            code = sqlite3_bind_int64(made, at, va_arg(*values, int64_t));
            break;
        case 'r':
            code = sqlite3_bind_double(made, at, va_arg(*values, double));
            break;
        case 't':
            code = sqlite3_bind_text(made, at, va_arg(*values, const char *), -1,
                                     SQLITE_TRANSIENT);
            break;
        case 'b':
            bytes = va_arg(*values, const void *);
            code =
                sqlite3_bind_blob64(made, at, bytes, va_arg(*values, size_t), SQLITE_TRANSIENT);
            break;
        case 'h':
            bytes = va_arg(*values, const struct hash *);
            code = sqlite3_bind_blob64(made, at, bytes, HASH_BYTES, SQLITE_TRANSIENT);
            break;
        default:
            code = bind_json(made, at, va_arg(*values, const json_t *));
        }
    }
    return code;
}

/* What was bound half way is let go: the statement is kept, and must not carry old values on. */
static enum err open_values(sqlite3_stmt **out, struct prefs *prefs, const char *text,
                            const char *types, va_list *values)
{
    enum err err = prepared(out, prefs, text);
    int code;

    if (err) {
        *out = NULL;
        return err;
    }
    code = bind(*out, types, values);
    if (!code)
        return OK;
    sql_end(*out);
    *out = NULL;
    return sql_failed(prefs, code);
}

enum err sql_open(sqlite3_stmt **out, struct prefs *prefs, const char *text, const char *types,
                  ...)
{
    va_list values;
    enum err err;

    va_start(values, types);
    err = open_values(out, prefs, text, types, &values);
    va_end(values);
    return err;
}

/* Bindings go as well: a long text that was bound is memory that nobody needs. */
void sql_end(sqlite3_stmt *statement)
{
    if (!statement)
        return;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

/* At the end the statement is reset at once: one that was left standing would keep its read
 * transaction open, and the log could never be folded in. */
enum err sql_step(struct prefs *prefs, sqlite3_stmt *statement, bool *row)
{
    const int code = sqlite3_step(statement);
    enum err err;

    *row = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
        return OK;
    err = code == SQLITE_DONE ? OK : sql_failed(prefs, code);
    sql_end(statement);
    return err;
}

enum err sql_row(sqlite3_stmt **out, struct prefs *prefs, const char *text, const char *types,
                 ...)
{
    va_list values;
    enum err err;
    bool row = false;

    va_start(values, types);
    err = open_values(out, prefs, text, types, &values);
    va_end(values);
    if (!err)
        err = sql_step(prefs, *out, &row);
    return !err && !row ? err_set(ERR_RANGE, "no such row") : err;
}

/* Steps to the end: a PRAGMA may give rows even where nobody reads them. */
enum err sql_do(struct prefs *prefs, const char *text, const char *types, ...)
{
    sqlite3_stmt *made;
    va_list values;
    enum err err;
    bool row = true;

    va_start(values, types);
    err = open_values(&made, prefs, text, types, &values);
    va_end(values);
    while (!err && row)
        err = sql_step(prefs, made, &row);
    return err;
}

/* Sums and counts over nothing are null in SQL; `none` says what that means to the caller. */
enum err sql_number(struct prefs *prefs, int64_t *out, int64_t none, const char *text,
                    const char *types, ...)
{
    sqlite3_stmt *made;
    va_list values;
    enum err err;
    bool row = false;

    *out = none;
    va_start(values, types);
    err = open_values(&made, prefs, text, types, &values);
    va_end(values);
    if (!err)
        err = sql_step(prefs, made, &row);
    if (err || !row)
        return err;
    if (sqlite3_column_type(made, 0) != SQLITE_NULL)
        *out = sqlite3_column_int64(made, 0);
    sql_end(made);
    return OK;
}

/* ---- columns */

/* A copy: SQLite's own is gone with the next step. */
char *sql_text(sqlite3_stmt *statement, int column)
{
    const char *const text = (const char *)sqlite3_column_text(statement, column);

    return text ? mem_text(text) : NULL;
}

/* Names are bounded when they are written; a file from elsewhere may hold longer ones. */
void sql_copy(char *out, size_t room, sqlite3_stmt *statement, int column)
{
    const char *const text = (const char *)sqlite3_column_text(statement, column);
    const size_t n = text ? strnlen(text, room - 1) : 0;

    if (n)
        memcpy(out, text, n);
    out[n] = 0;
}

/* A word that the program does not know was written by another program, or by nobody: the
 * file's fault, whoever asked. */
enum err sql_word(int *out, sqlite3_stmt *statement, int column, const char *const *list)
{
    const char *const text = (const char *)sqlite3_column_text(statement, column);

    if (words_find(out, list, sqlite3_column_name(statement, column), text ? text : ""))
        return err_set(ERR_PARSE, "the store is damaged: %s", err_text());
    return OK;
}

enum err sql_json(json_t **out, sqlite3_stmt *statement, int column)
{
    const char *const text = (const char *)sqlite3_column_text(statement, column);
    json_error_t why;

    *out = NULL;
    if (!text)
        return OK;
    *out = json_loads(text, JSON_DECODE_ANY, &why);
    return *out ? OK
                : err_set(ERR_PARSE, "the store is damaged: %s is not JSON (%s)",
                          sqlite3_column_name(statement, column), why.text);
}

/* ---- groups */

/* IMMEDIATE: the write lock is taken now, so that no statement later in the group can be
 * refused because a reader became a writer. */
enum err sql_begin(struct prefs *prefs)
{
    enum err err = OK;

    if (!prefs->writer)
        return err_set(ERR_STATE, "%s: is open for reading", prefs->path);
    if (prefs->lost)
        return err_set(ERR_IO, "%s: the group was lost: the disk refused a write", prefs->path);
    if (!prefs->group) {
        err = sql_do(prefs, "BEGIN IMMEDIATE", "");
        prefs->group = !err;
    }
    if (!err)
        err = sql_do(prefs, "SAVEPOINT call", "");
    if (!err && !prefs->depth++)
        bookmark_mark(prefs->bookmarks);
    return err;
}

enum err sql_finish(struct prefs *prefs, enum err err)
{
    char words[ERR_WORDS];

    prefs->depth--;
    if (!err)
        return sql_do(prefs, "RELEASE call", "");
    bookmark_back(prefs->bookmarks);
    if (prefs->lost)
        return err;
    /* The words of what failed are kept: going back may have some of its own. */
    memcpy(words, err_text(), sizeof words);
    words[sizeof words - 1] = 0;
    if (sql_do(prefs, "ROLLBACK TO call", "") || sql_do(prefs, "RELEASE call", ""))
        prefs->lost = true;
    return err_set(err, "%s", words);
}

/* Before the connection: SQLite refuses to close one that has statements. */
void sql_forget(struct prefs *prefs)
{
    for (size_t i = 0; i < SQL_KEPT; i++)
        if (prefs->kept[i].text) {
            sqlite3_finalize(prefs->kept[i].made);
            prefs->kept[i].text = NULL;
        }
}

/* The same for others, who know no SQL. */
enum err prefs_begin(struct prefs *prefs)
{
    return sql_begin(prefs);
}

enum err prefs_finish(struct prefs *prefs, enum err err)
{
    return sql_finish(prefs, err);
}
