/* A store is a SQLite file in WAL mode with synchronous=FULL: a commit appends to the log and
 * syncs it, one fsync whatever the group holds, and readers of this process go on meanwhile. A
 * file that was cut off by a crash is mended by SQLite from its log when it is opened next.
 * flock on the file itself keeps other processes out for as long as it is open; SQLite's own
 * locks are of another kind (fcntl) and do not meet it. What is opened is not trusted: no code
 * of its schema runs, all pages are checked, limits are set before the first row is read. */

#define _XOPEN_SOURCE 700 /* realpath */

#include "prefs/prefs.h"

#include "base/fs.h"
#include "base/mem.h"
#include "prefs/schema.h"
#include "prefs/settings.h"
#include "prefs/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALUE_MAX = 64 << 20, CACHE_KIB = 65536 };

/* ---- connections */

static enum err setup(struct prefs *prefs, const char *const *pragmas)
{
    sqlite3 *const db = prefs->db;
    int code = SQLITE_OK;

    sqlite3_extended_result_codes(db, 1);
    /* A stranger's file: its schema calls nothing, statements cannot write past the tables. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    for (; !code && *pragmas; pragmas++)
        code = sqlite3_exec(db, *pragmas, NULL, NULL, NULL);
    return code ? sql_failed(prefs, code) : OK;
}

static const char *const writing[] = {"PRAGMA cell_size_check = ON",
                                      "PRAGMA journal_mode = WAL",
                                      "PRAGMA synchronous = FULL",
                                      "PRAGMA foreign_keys = ON",
                                      "PRAGMA secure_delete = ON",
                                      "PRAGMA temp_store = MEMORY",
                                      "PRAGMA cache_size = -65536",
                                      "PRAGMA wal_autocheckpoint = 1000",
                                      NULL};
static const char *const reading[] = {"PRAGMA cell_size_check = ON", "PRAGMA query_only = ON",
                                      "PRAGMA temp_store = MEMORY", NULL};

/* The path as a URI, by which SQLite is told that nobody changes the file: then it needs no
 * files beside it, and may lie where nothing can be written. */
static char *still_uri(const char *path)
{
    char *const uri = mem_new(strlen(path) * 3 + 32, 1);
    char *to = uri + snprintf(uri, 8, "file:");

    for (; *path; path++)
        if (strchr("%?#", *path))
            to += snprintf(to, 4, "%%%02X", (unsigned char)*path);
        else
            *to++ = *path;
    memcpy(to, "?immutable=1", 13);
    return uri;
}

/* No mutex of SQLite's: a connection is one thread's at a time, as the header says. */
static enum err connect_to(struct prefs *prefs, const char *name, int flags,
                           const char *const *pragmas)
{
    const int code = sqlite3_open_v2(name, &prefs->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

    if (code && !prefs->db)
        return err_set(ERR_NOMEM, "%s: out of memory", prefs->path);
    return code ? sql_failed(prefs, code) : setup(prefs, pragmas);
}

/* The path is taken over: prefs_close frees it, also when opening fails half way. */
static struct prefs *fresh(char *path)
{
    struct prefs *const prefs = mem_new(1, sizeof *prefs);

    prefs->lock = -1;
    prefs->path = path;
    prefs->bookmarks = bookmark_new();
    return prefs;
}

/* Whatever was not committed is taken back by SQLite, as after a crash. */
void prefs_close(struct prefs *prefs)
{
    if (!prefs)
        return;
    sql_forget(prefs);
    sqlite3_close(prefs->db); /* takes back what is open, folds the log into the file */
    if (prefs->lock >= 0)
        close(prefs->lock); /* after SQLite's: closing a file ends a process's fcntl locks */
    sodium_memzero(prefs->secret, sizeof prefs->secret);
    bookmark_free(prefs->bookmarks);
    free(prefs->path);
    free(prefs);
}

/* Removed under the lock: nobody else can have begun to fill it. SQLite closes before the name goes:
 * what lies beside a file it takes away only while the file has its name. The error's words, if any,
 * are those of what failed, and stay. */
void prefs_unmake(struct prefs *prefs)
{
    int64_t items = 1;

    if (!prefs)
        return;
    prefs_abandon(prefs);
    if (!sql_number(prefs, &items, 0, "SELECT count(*) FROM item", "") && !items) {
        sql_forget(prefs);
        sqlite3_close(prefs->db);
        prefs->db = NULL;
        unlink(prefs->path);
    }
    prefs_close(prefs);
}

/* ---- the lock */

/* O_NONBLOCK: a FIFO of that name must not hold the program; it is refused as no file. */
static enum err take_lock(struct prefs *prefs, int flags, int how)
{
    struct stat st;

    prefs->lock = open(prefs->path, flags | O_CLOEXEC | O_NONBLOCK, 0600);
    if (prefs->lock < 0)
        return err_set(errno == EEXIST ? ERR_STATE : ERR_IO, "%s: cannot open: %s", prefs->path,
                       strerror(errno));
    if (fstat(prefs->lock, &st) || !S_ISREG(st.st_mode))
        return err_set(ERR_PARSE, "%s: not a store: no regular file", prefs->path);
    if (flock(prefs->lock, how | LOCK_NB))
        return err_set(ERR_STATE,
                       "%s: another process has it open; a snapshot can be read meanwhile "
                       "(the page of an administrator makes one)",
                       prefs->path);
    return OK;
}

/* The name that SQLite gives the files beside it must not depend on who opens it by which
 * link. */
static enum err real_path(char **out, const char *path)
{
    *out = realpath(path, NULL);
    return *out ? OK : err_set(ERR_IO, "%s: cannot open: %s", path, strerror(errno));
}

/* Is there a log that was not folded in? Its writer was killed. */
static bool has_log(const char *path)
{
    char *const log = mem_print("%s-wal", path);
    struct stat st;
    const bool has = !stat(log, &st) && st.st_size > 0;

    free(log);
    return has;
}

/* ---- opening */

/* Without its secret a store would go on drawing, from zeros, what everybody can compute. */
static enum err read_secret(struct prefs *prefs)
{
    sqlite3_stmt *made;
    bool row = false;
    enum err err = sql_open(&made, prefs, "SELECT value FROM secret", "");

    if (!err)
        err = sql_step(prefs, made, &row);
    if (err)
        return err;
    if (row && sqlite3_column_bytes(made, 0) == PREFS_SECRET)
        memcpy(prefs->secret, sqlite3_column_blob(made, 0), PREFS_SECRET);
    else
        err = err_set(ERR_PARSE, "%s: damaged: it has no secret", prefs->path);
    if (row)
        sql_end(made);
    return err;
}

/* Shared with other readers: several may look at one snapshot. */
static enum err open_reading(struct prefs *prefs)
{
    char *uri;
    enum err err = take_lock(prefs, O_RDONLY, LOCK_SH);

    if (err)
        return err;
    if (!has_log(prefs->path)) {
        uri = still_uri(prefs->path);
        err = connect_to(prefs, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, reading);
        free(uri);
        return err;
    }
    /* Its writer was killed: SQLite mends it first, which nobody else may see half done. */
    if (flock(prefs->lock, LOCK_EX | LOCK_NB))
        return err_set(ERR_STATE, "%s: another process has it open", prefs->path);
    return connect_to(prefs, prefs->path, SQLITE_OPEN_READWRITE, reading);
}

/* Exclusive from the start: two servers on one store would each give out the same items. */
static enum err open_writing(struct prefs *prefs)
{
    enum err err = take_lock(prefs, O_RDWR, LOCK_EX);

    if (!err)
        err = connect_to(prefs, prefs->path, SQLITE_OPEN_READWRITE, writing);
    prefs->writer = !err;
    return err;
}

/* A store of an older program, before anybody works on it; that one then refuses it by its number. */
static enum err renew(struct prefs *prefs)
{
    enum err err = OK;

    if (prefs->version == SCHEMA_VERSION)
        return OK;
    err = sql_begin(prefs);
    if (!err)
        err = sql_finish(prefs, schema_renew(prefs));
    return err ? err : prefs_commit(prefs);
}

/* Nothing of the file is used before all of it was looked at. */
enum err prefs_open(struct prefs **out, const char *path, enum prefs_access access)
{
    struct prefs *prefs;
    char *real;
    enum err err = real_path(&real, path);

    *out = NULL;
    if (err)
        return err;
    prefs = fresh(real);
    err = access == PREFS_WRITE ? open_writing(prefs) : open_reading(prefs);
    if (!err)
        err = schema_check(prefs);
    if (!err)
        err = read_secret(prefs);
    if (!err)
        err = settings_read(prefs);
    if (!err && access == PREFS_WRITE)
        err = renew(prefs);
    if (err) {
        prefs_close(prefs);
        return err;
    }
    *out = prefs;
    return OK;
}

/* It takes no lock: the writer of this process holds it as long as any of them is open. */
enum err prefs_reader(struct prefs **out, const struct prefs *writer)
{
    struct prefs *const prefs = fresh(mem_text(writer->path));
    enum err err = connect_to(prefs, prefs->path, SQLITE_OPEN_READONLY, reading);

    *out = NULL;
    prefs->version = writer->version;
    if (!err)
        err = read_secret(prefs);
    if (!err)
        err = settings_read(prefs);
    if (err) {
        prefs_close(prefs);
        return err;
    }
    *out = prefs;
    return OK;
}

/* Without it each statement would see a moment of its own. */
enum err prefs_reader_begin(struct prefs *reader)
{
    return sql_do(reader, "BEGIN", "");
}

void prefs_reader_end(struct prefs *reader)
{
    if (sql_do(reader, "ROLLBACK", ""))
        return; /* it was over already */
}

/* ---- creating */

/* Tables, secret and settings in one transaction: a store has all of them or is none. */
static enum err fill(struct prefs *prefs, const struct prefs_settings *settings,
                     const uint8_t *secret, int64_t now)
{
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    if (secret)
        memcpy(prefs->secret, secret, PREFS_SECRET);
    else
        randombytes_buf(prefs->secret, PREFS_SECRET);
    err = schema_make(prefs);
    if (!err)
        err = sql_do(prefs, "INSERT INTO secret VALUES (1, ?1, ?2)", "bi", prefs->secret,
                     (size_t)PREFS_SECRET, now);
    if (!err)
        err = settings_write(prefs, settings);
    err = sql_finish(prefs, err);
    return err ? err : prefs_commit(prefs);
}

/* A name is durable once its folder is. */
static enum err sync_folder(const char *path)
{
    const char *const slash = strrchr(path, '/');
    char *const folder = slash && slash > path ? mem_print("%.*s", (int)(slash - path), path)
                                               : mem_text(slash ? "/" : ".");
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err err = OK;

    if (fd < 0 || fsync(fd))
        err = err_set(ERR_IO, "%s: cannot sync: %s", folder, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(folder);
    return err;
}

/* A store is made beside its name without any sync, made durable as a whole, and only then
 * gets the name: what has the name is a store, and nobody ever opens a half of one. */
static enum err make_beside(const char *beside, const char *path,
                            const struct prefs_settings *settings, const uint8_t *secret,
                            int64_t now)
{
    static const char *const making[] = {"PRAGMA journal_mode = MEMORY",
                                         "PRAGMA synchronous = OFF", NULL};
    struct prefs *const prefs = fresh(mem_text(path));
    int fd = open(beside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum err err = fd < 0 ? err_set(ERR_IO, "%s: cannot write: %s", path, strerror(errno)) : OK;

    if (!err)
        err = connect_to(prefs, beside, SQLITE_OPEN_READWRITE, making);
    prefs->writer = !err;
    if (!err)
        err = fill(prefs, settings, secret, now);
    prefs_close(prefs);
    if (!err && fsync(fd))
        err = err_set(ERR_IO, "%s: cannot sync: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return err;
}

/* As a link, which never takes a name that is taken; where a file system has none, by
 * renaming. */
static enum err give_name(const char *beside, const char *path)
{
    if (!link(beside, path))
        return OK;
    if (errno != EEXIST && !fs_exists(path) && !rename(beside, path))
        return OK;
    return fs_exists(path) ? err_set(ERR_STATE, "%s: is there already", path)
                           : err_set(ERR_IO, "%s: cannot write: %s", path, strerror(errno));
}

enum err prefs_create(const char *path, const struct prefs_settings *settings,
                      const uint8_t *secret, int64_t now)
{
    uint32_t random[2];
    char *beside;
    enum err err = settings_check(settings);

    if (!err && fs_exists(path))
        err = err_set(ERR_STATE, "%s: is there already", path);
    if (err)
        return err;
    randombytes_buf(random, sizeof random);
    beside = mem_print("%s.%08x%08x.tmp", path, random[0], random[1]);
    err = make_beside(beside, path, settings, secret, now);
    if (!err)
        err = give_name(beside, path);
    unlink(beside);
    if (!err)
        err = sync_folder(path);
    free(beside);
    return err;
}

/* ---- groups */

/* A group that was lost is still one: its commit must say so. */
bool prefs_dirty(const struct prefs *prefs)
{
    return prefs->group;
}

/* Safe to call in any state: after a failed commit SQLite may or may not hold the transaction. */
void prefs_abandon(struct prefs *prefs)
{
    if (prefs->group && !sqlite3_get_autocommit(prefs->db) &&
        sqlite3_exec(prefs->db, "ROLLBACK", NULL, NULL, NULL))
        sqlite3_interrupt(prefs->db); /* cannot fail while no statement runs */
    prefs->group = prefs->lost = prefs->scrub = false;
    bookmark_forget(prefs->bookmarks);
    /* What the group wrote of settings is gone as well. */
    if (settings_read(prefs))
        return;
}

enum err prefs_commit(struct prefs *prefs)
{
    enum err err = OK;

    if (!prefs->group)
        return OK;
    if (prefs->lost) {
        prefs_abandon(prefs);
        return err_set(ERR_IO, "%s: the disk refused a write: nothing of the group was saved",
                       prefs->path);
    }
    err = sql_do(prefs, "COMMIT", "");
    if (err) {
        char words[ERR_WORDS];
        snprintf(words, sizeof words, "%s", err_text());
        prefs_abandon(prefs);
        return err_set(err, "%s", words);
    }
    prefs->group = false;
    /* What was forgotten is still in the log's older pages: they are folded in and cut off. A
     * reader may hold them for a while; the next commit tries again. */
    if (prefs->scrub &&
        !sqlite3_wal_checkpoint_v2(prefs->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL))
        prefs->scrub = false;
    return OK;
}

const char *prefs_path(const struct prefs *prefs)
{
    return prefs->path;
}

uint64_t prefs_changes(const struct prefs *prefs)
{
    return (uint64_t)sqlite3_total_changes(prefs->db);
}
