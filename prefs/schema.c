/* The text of each table is what SQLite keeps of it, so a file's schema can be compared with
 * ours letter by letter: a file from a stranger brings no code of his own. Tables are STRICT
 * and carry their rules, so that SQLite's own check finds values that no code of ours could
 * have written.
 *
 * * Tables that came later stand behind the others, in the order of versions: an older store is the
 * beginning of the list, is read as it is, and gets the rest when it is opened for writing.
 *
 * * item's counters (planned ... adjudicated) follow from assignments and judgements: they are
 * there so that the next item is found by an index and an admin's page need not count; copy.c
 * checks them. A judgement's row is never changed: that it was taken back is said by the row
 * that undoes it. */

#include "prefs/schema.h"

#include "prefs/sql.h"

#include <string.h>

/* clang-format off */
static const char *const tables[] = {
    "CREATE TABLE meta(key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE secret(one INTEGER PRIMARY KEY CHECK(one = 1), value BLOB NOT NULL CHECK(length(value) = 32),"
        " at INTEGER NOT NULL) STRICT",
    "CREATE TABLE guideline(version INTEGER PRIMARY KEY, text TEXT NOT NULL, at INTEGER NOT NULL) STRICT",
    "CREATE TABLE item(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, mode TEXT NOT NULL, prompt TEXT,"
        " meta TEXT, gold TEXT, n INTEGER NOT NULL CHECK(n BETWEEN 1 AND 16), overlap INTEGER NOT NULL"
        " CHECK(overlap BETWEEN 0 AND 64), withdrawn INTEGER NOT NULL CHECK(withdrawn IN (0, 1)), active TEXT,"
        " priority REAL NOT NULL, chance REAL NOT NULL, at INTEGER NOT NULL, content BLOB NOT NULL,"
        " planned INTEGER NOT NULL, judged INTEGER NOT NULL, extra INTEGER NOT NULL, extra_judged INTEGER NOT NULL,"
        " asked INTEGER NOT NULL, need INTEGER NOT NULL, late INTEGER NOT NULL, split INTEGER NOT NULL, adjudicated INTEGER NOT NULL) STRICT",
    "CREATE INDEX item_need ON item(priority DESC, late, need, id) WHERE need > 0",
    "CREATE INDEX item_gold ON item(id) WHERE gold IS NOT NULL",
    "CREATE INDEX item_split ON item(split DESC, id) WHERE split > 0",
    "CREATE TABLE candidate(item INTEGER NOT NULL REFERENCES item(id), number INTEGER NOT NULL, content TEXT NOT NULL,"
        " model TEXT, meta TEXT, PRIMARY KEY(item, number)) STRICT, WITHOUT ROWID",
    "CREATE TABLE annotator(id INTEGER PRIMARY KEY, name TEXT UNIQUE, role TEXT NOT NULL, standing TEXT NOT NULL,"
        " login TEXT, since INTEGER NOT NULL, given INTEGER NOT NULL, lean INTEGER NOT NULL) STRICT",
    "CREATE TABLE assignment(id INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES item(id), annotator INTEGER"
        " NOT NULL REFERENCES annotator(id), nth INTEGER NOT NULL, why TEXT NOT NULL, active TEXT, chance REAL NOT NULL,"
        " places TEXT NOT NULL, state TEXT NOT NULL, guideline INTEGER NOT NULL, repeats INTEGER REFERENCES assignment(id),"
        " given INTEGER NOT NULL, expires INTEGER NOT NULL, ended INTEGER NOT NULL, said TEXT, was_right INTEGER) STRICT",
    "CREATE INDEX assignment_item ON assignment(item)",
    "CREATE INDEX assignment_person ON assignment(annotator, state, item)",
    "CREATE INDEX assignment_open ON assignment(expires) WHERE state = 'open'",
    "CREATE INDEX assignment_repeats ON assignment(repeats) WHERE repeats IS NOT NULL",
    "CREATE UNIQUE INDEX assignment_once ON assignment(annotator, item) WHERE state IN ('open', 'done', 'skipped')"
        " AND why NOT IN ('repeat', 'adjudication')",
    "CREATE TABLE judgement(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, assignment INTEGER NOT NULL"
        " REFERENCES assignment(id), annotator INTEGER NOT NULL REFERENCES annotator(id), verdict TEXT NOT NULL,"
        " choice INTEGER NOT NULL, step INTEGER NOT NULL, ranking TEXT, text TEXT, strength INTEGER NOT NULL, criteria TEXT,"
        " reason TEXT, flags TEXT, shown INTEGER NOT NULL, at INTEGER NOT NULL, undoes INTEGER REFERENCES judgement(seq),"
        " said TEXT NOT NULL, content BLOB NOT NULL, sum INTEGER NOT NULL) STRICT",
    "CREATE INDEX judgement_assignment ON judgement(assignment)",
    "CREATE INDEX judgement_person ON judgement(annotator)",
    "CREATE UNIQUE INDEX judgement_undoes ON judgement(undoes) WHERE undoes IS NOT NULL",
    "CREATE TABLE invite(id INTEGER PRIMARY KEY, token BLOB NOT NULL UNIQUE, role TEXT NOT NULL, label TEXT NOT NULL,"
        " by_whom INTEGER NOT NULL, at INTEGER NOT NULL, expires INTEGER NOT NULL, used INTEGER NOT NULL,"
        " used_by INTEGER NOT NULL) STRICT",
    "CREATE TABLE session(token BLOB NOT NULL PRIMARY KEY, annotator INTEGER NOT NULL REFERENCES annotator(id),"
        " csrf BLOB NOT NULL, at INTEGER NOT NULL, seen INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX session_person ON session(annotator)",
    "CREATE TABLE audit(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, annotator INTEGER NOT NULL, action TEXT NOT NULL,"
        " subject TEXT NOT NULL) STRICT",
    /* version 2 */
    "CREATE TABLE origin(item INTEGER PRIMARY KEY REFERENCES item(id), pair BLOB NOT NULL UNIQUE CHECK(length(pair) = 16),"
        " run BLOB NOT NULL CHECK(length(run) = 16), task INTEGER NOT NULL, sample_a INTEGER NOT NULL, sample_b INTEGER NOT NULL,"
        " rollout_a BLOB NOT NULL CHECK(length(rollout_a) = 32), rollout_b BLOB NOT NULL CHECK(length(rollout_b) = 32),"
        " version INTEGER NOT NULL, version_hash BLOB NOT NULL CHECK(length(version_hash) = 32), iteration INTEGER NOT NULL) STRICT",
    "CREATE INDEX origin_version ON origin(run, version)",
    "CREATE TABLE outbox(judgement INTEGER PRIMARY KEY REFERENCES judgement(seq)) STRICT",
};
/* clang-format on */
enum { TABLES = sizeof tables / sizeof *tables, TABLES_FIRST = TABLES - 3 };

/* How many of them a store of this version has; 0: an empty file. */
static int tables_of(int version)
{
    return !version ? 0 : version == SCHEMA_FIRST ? TABLES_FIRST : TABLES;
}

/* The numbers are written out, because a PRAGMA takes no bound value; check_version reads them
 * against the constants. */
enum err schema_make(struct prefs *prefs)
{
    enum err err = sql_do(prefs, "PRAGMA application_id = 1685221478", "");

    return err ? err : schema_renew(prefs);
}

enum err schema_renew(struct prefs *prefs)
{
    enum err err = OK;

    for (int i = tables_of(prefs->version); !err && i < TABLES; i++)
        err = sql_do(prefs, tables[i], "");
    if (!err)
        err = sql_do(prefs, "PRAGMA user_version = 2", "");
    if (!err)
        prefs->version = SCHEMA_VERSION;
    return err;
}

/* The same words whatever is wrong with it: what a stranger's file holds is not worth a
 * description. */
static enum err foreign(const struct prefs *prefs)
{
    return err_set(ERR_PARSE, "%s: not a store of this program", prefs->path);
}

/* A newer store is refused by its number rather than by the first column that is missing. */
static enum err check_version(struct prefs *prefs)
{
    int64_t application, version = 0;
    enum err err = sql_number(prefs, &application, 0, "PRAGMA application_id", "");

    if (!err)
        err = sql_number(prefs, &version, 0, "PRAGMA user_version", "");
    if (!err && application != SCHEMA_APPLICATION)
        return foreign(prefs);
    if (!err && (version < SCHEMA_FIRST || version > SCHEMA_VERSION))
        return err_set(ERR_PARSE, "%s: version %lld of a store; this program reads %d to %d",
                       prefs->path, (long long)version, SCHEMA_FIRST, SCHEMA_VERSION);
    prefs->version = (int)version;
    return err;
}

/* Rows without text are the indices that SQLite makes of UNIQUE and PRIMARY KEY. */
static enum err check_tables(struct prefs *prefs)
{
    sqlite3_stmt *made;
    bool row = false;
    const int wanted = tables_of(prefs->version);
    int found = 0;
    enum err err = sql_open(&made, prefs,
                            "SELECT sql, type, rootpage FROM sqlite_schema ORDER BY rowid", "");

    while (!err) {
        const char *text, *type;
        err = sql_step(prefs, made, &row);
        if (err || !row)
            break;
        text = (const char *)sqlite3_column_text(made, 0);
        type = (const char *)sqlite3_column_text(made, 1);
        if (!text && type && !strcmp(type, "index"))
            continue;
        if (!text || found == wanted || strcmp(text, tables[found])) {
            sql_end(made);
            return foreign(prefs);
        }
        found++;
    }
    return !err && found != wanted ? foreign(prefs) : err;
}

/* The first fault is enough: a damaged store is brought back from a snapshot, not mended. */
enum err schema_pages(struct prefs *prefs, const char *pragma)
{
    sqlite3_stmt *made;
    bool row = false;
    enum err err = sql_open(&made, prefs, pragma, "");

    if (!err)
        err = sql_step(prefs, made, &row);
    if (!err && row && strcmp((const char *)sqlite3_column_text(made, 0), "ok"))
        err = err_set(ERR_PARSE, "%s: damaged: %s", prefs->path,
                      (const char *)sqlite3_column_text(made, 0));
    if (row)
        sql_end(made);
    return err;
}

/* The cheap questions first: most wrong files are no database of ours at all. */
enum err schema_check(struct prefs *prefs)
{
    enum err err = check_version(prefs);

    if (!err)
        err = check_tables(prefs);
    return err ? err : schema_pages(prefs, "PRAGMA quick_check(1)");
}
