/* A copy is made page by page by SQLite's backup from a connection that sees one durable
 * moment, into a file beside the wanted name, which takes its place once it is whole and
 * synced. A copy stands alone: no log beside it belongs to it. */

#include "prefs/copy.h"

#include "base/fs.h"
#include "base/mem.h"
#include "prefs/item.h"
#include "prefs/item_count.h"
#include "prefs/judge.h"
#include "prefs/outbox_row.h"
#include "prefs/schema.h"
#include "prefs/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- copying */

static enum err copy_failed(const char *path, sqlite3 *db)
{
    const int code = sqlite3_errcode(db) & 0xff;

    return err_set(ERR_IO, "%s: %s", path,
                   code == SQLITE_FULL ? "disk full: no copy was made" : sqlite3_errmsg(db));
}

/* All pages in one step: from a reader's connection that is one moment, and the writer is not
 * kept waiting by it. */
static enum err copy_pages(sqlite3 *from, const char *path, bool durable)
{
    sqlite3 *to = NULL;
    sqlite3_backup *backup;
    enum err err = OK;

    if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)) {
        err = copy_failed(path, to);
        sqlite3_close(to);
        return err;
    }
    if (!durable)
        sqlite3_exec(to, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    backup = sqlite3_backup_init(to, "main", from, "main");
    if (!backup || sqlite3_backup_step(backup, -1) != SQLITE_DONE)
        err = copy_failed(path, to);
    if (backup && sqlite3_backup_finish(backup) && !err)
        err = copy_failed(path, to);
    /* The pages say that a log belongs to them; in the copy none does. */
    if (!err && sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL))
        err = copy_failed(path, to);
    if (sqlite3_close(to) && !err)
        err = copy_failed(path, to);
    return err;
}

/* A log beside a name belongs to the file that had the name before; SQLite would believe it. */
static void remove_beside(const char *path)
{
    static const char *const ends[] = {"-wal", "-shm", "-journal"};

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char *const name = mem_print("%s%s", path, ends[i]);
        unlink(name);
        free(name);
    }
}

/* A new file that nobody else has: its name is left over where a copy was killed. */
static enum err make_beside(const char *beside)
{
    int fd;

    remove_beside(beside);
    if (unlink(beside) && errno != ENOENT)
        return err_set(ERR_IO, "%s: cannot remove: %s", beside, strerror(errno));
    fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(ERR_IO, "%s: cannot write: %s", beside, strerror(errno));
    close(fd);
    return OK;
}

/* SQLite has synced what it wrote; the file was made by us, and says so once more as a whole. */
static enum err sync_whole(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err err = OK;

    if (fd < 0 || fsync(fd))
        err = err_set(ERR_IO, "%s: cannot sync: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return err;
}

/* The name is given last: a copy that was cut short is never found under it. */
/* An older snapshot gives way, and nothing else: a name that was mistyped costs nobody a file. */
static enum err may_replace(const struct prefs *prefs, const char *path)
{
    struct stat there, own;

    if (lstat(path, &there))
        return OK; /* not there; what else is wrong is said when it is written */
    if (!stat(prefs->path, &own) && own.st_dev == there.st_dev && own.st_ino == there.st_ino)
        return err_set(ERR_STATE, "%s: is the store itself", path);
    return fs_is_database(path)
               ? OK
               : err_set(ERR_STATE, "%s: is there already, and is no snapshot", path);
}

static enum err snapshot(struct prefs *prefs, const char *path, bool durable)
{
    char *const beside = mem_print("%s.tmp", path);
    struct prefs *reader = NULL;
    enum err err = may_replace(prefs, path);

    if (err) {
        free(beside);
        return err;
    }
    err = make_beside(beside);

    /* The writer's own connection would copy what is not durable yet. */
    if (!err && prefs->writer)
        err = prefs_reader(&reader, prefs);
    if (!err)
        err = copy_pages(reader ? reader->db : prefs->db, beside, durable);
    prefs_close(reader);
    if (!err && durable)
        err = sync_whole(beside);
    if (!err)
        err = durable ? fs_rename(beside, path)
              : rename(beside, path)
                  ? err_set(ERR_IO, "%s: cannot write: %s", path, strerror(errno))
                  : OK;
    if (err)
        unlink(beside);
    remove_beside(beside);
    free(beside);
    return err;
}

enum err prefs_snapshot(struct prefs *prefs, const char *path)
{
    return snapshot(prefs, path, true);
}

enum err prefs_snapshot_sent(struct prefs *prefs, const char *path)
{
    return snapshot(prefs, path, false);
}

/* ---- bringing back */

/* The old store at rest: nobody has it, its log is folded in, so that none is left to be taken
 * for the new one's. *fd keeps others out until the new one stands. */
static enum err still_old(int *fd, const char *path, bool force)
{
    struct prefs *old = NULL;

    *fd = -1;
    if (!fs_exists(path)) {
        remove_beside(path);
        return OK;
    }
    if (!force)
        return err_set(ERR_STATE, "%s: is there already (force=true replaces it)", path);
    switch (prefs_open(&old, path, PREFS_WRITE)) {
    case OK:
        prefs_close(old);
        break;
    case ERR_STATE:
        return ERR_STATE;
    default: /* damaged, perhaps why it is replaced: its log goes with it */
        break;
    }
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB))
        return err_set(ERR_STATE, "%s: another process has it open", path);
    remove_beside(path);
    return OK;
}

/* Checked before anything is replaced: a bad snapshot leaves the old store alone. */
enum err prefs_restore(const char *path, const char *snapshot, bool force)
{
    struct prefs *from;
    int fd = -1;
    enum err err = prefs_open(&from, snapshot, PREFS_READ);

    if (err)
        return err;
    err = prefs_check(from);
    if (!err)
        err = still_old(&fd, path, force);
    if (!err)
        err = prefs_snapshot(from, path);
    if (fd >= 0)
        close(fd);
    prefs_close(from);
    return err;
}

/* ---- checking */

/* More than prefs_open looks at: indices against tables, and that every row has its parent. */
static enum err check_whole(struct prefs *prefs)
{
    int64_t fault = 0;
    enum err err = schema_pages(prefs, "PRAGMA integrity_check(1)");

    if (!err)
        err = sql_number(prefs, &fault, 0, "SELECT count(*) FROM pragma_foreign_key_check", "");
    if (!err && fault)
        err = err_set(ERR_PARSE, "%s: damaged: %lld rows belong to none", prefs->path,
                      (long long)fault);
    return err;
}

struct passed {
    int64_t seq, rows;
};

static enum err see(void *self, const struct prefs_row *row)
{
    struct passed *const seen = self;

    seen->rows++;
    if (row->seq != seen->seq + 1)
        return err_set(ERR_PARSE, "damaged: judgement %lld is missing",
                       (long long)seen->seq + 1);
    seen->seq = row->seq;
    return OK;
}

/* Every row of an assignment that is done has a judgement that stands, and one alone. */
static enum err check_states(struct prefs *prefs)
{
    int64_t wrong = 0;
    enum err err = sql_number(
        prefs, &wrong, 0,
        "SELECT count(*) FROM assignment a WHERE (a.state IN ('done', 'skipped')) <>"
        " (SELECT count(*) FROM judgement j WHERE j.assignment = a.id AND j.verdict NOT IN"
        " ('undo', 'dropped') AND NOT EXISTS (SELECT 1 FROM judgement u"
        " WHERE u.undoes = j.seq))",
        "");

    if (!err && wrong)
        err = err_set(ERR_PARSE, "%s: damaged: %lld assignments whose judgements do not fit",
                      prefs->path, (long long)wrong);
    return err;
}

/* "asked" is not compared: it is what was promised, and follows from no count. */
static enum err check_item(void *self, const struct prefs_item *item)
{
    struct prefs *const prefs = self;
    struct item_count count;
    int64_t same = 0;
    enum err err = item_count_look(prefs, item->id, &count);

    if (!err)
        err = sql_number(prefs, &same, 0,
                         "SELECT 1 FROM item WHERE id = ?1 AND planned = ?2 AND judged = ?3"
                         " AND extra = ?4 AND extra_judged = ?5 AND need = ?6 AND split = ?7"
                         " AND adjudicated = ?8 AND late = ?9",
                         "iiiiiiiii", item->id, count.planned, count.judged, count.extra,
                         count.extra_judged, count.need, (int64_t)count.split,
                         (int64_t)count.adjudicated, (int64_t)count.late);
    if (!err && !same)
        err = err_set(ERR_PARSE, "%s: damaged: item '%s' is not what its judgements say",
                      prefs->path, item->key);
    return err;
}

enum err prefs_check(struct prefs *prefs)
{
    struct passed seen = {0};
    enum err err = check_whole(prefs);

    if (!err)
        err = prefs_visit(prefs, &(struct prefs_which){.after = 0}, see, &seen);
    if (!err)
        err = check_states(prefs);
    if (!err)
        err = outbox_row_check(prefs);
    return err ? err : prefs_item_visit(prefs, check_item, prefs);
}
