/* Rows of people, their logins, the links that let them in and the audit. What is looked up by
 * a token is looked up by its hash; that a link was used, has expired or never was is told in
 * the same words, so that nobody learns which links exist. */

#include "prefs/people.h"

#include "base/mem.h"
#include "base/printable.h"
#include "prefs/sql.h"

#include <stdlib.h>
#include <string.h>

/* A name is shown to others and goes into files: one line of what is seen. */
static enum err check_name(const char *name)
{
    char seen[4 * PREFS_NAME_MAX + 8];
    const size_t n = strlen(name);

    if (!n || n >= PREFS_NAME_MAX)
        return err_set(ERR_RANGE, "a name: 1..%d bytes", PREFS_NAME_MAX - 1);
    printable_copy(seen, sizeof seen, name);
    if (strcmp(seen, name) != 0 || *name == ' ' || name[n - 1] == ' ')
        return err_set(ERR_RANGE,
                       "a name: letters that are seen, no blanks at its ends: '%s' is none",
                       name);
    return OK;
}

/* The table would refuse it as well; this says it in words for a person. */
static enum err check_free(struct prefs *prefs, const char *name, int64_t but)
{
    int64_t id;
    enum err err =
        sql_number(prefs, &id, 0, "SELECT id FROM annotator WHERE name = ?1 AND id <> ?2", "ti",
                   name, but);

    return err || !id ? err : err_set(ERR_STATE, "the name '%s' is taken", name);
}

static enum err add(struct prefs *prefs, int64_t *id, const char *name, enum prefs_role role,
                    int64_t now)
{
    int64_t last = 0;
    enum err err = check_free(prefs, name, 0);

    if (!err)
        err = sql_number(prefs, &last, 0, "SELECT max(id) FROM annotator", "");
    *id = last + 1;
    if (err)
        return err;
    return sql_do(prefs, "INSERT INTO annotator VALUES (?1, ?2, ?3, 'active', NULL, ?4, 0, 0)",
                  "itti", *id, name, words_role[role], now);
}

/* "p-" and twelve digits: what prefs_pseudonym makes. Nobody here may call himself like
 * another. */
static bool is_pseudonym(const char *name)
{
    return !strncmp(name, "p-", 2) && strlen(name) == PREFS_PSEUDONYM - 2 &&
           strspn(name + 2, "0123456789abcdef") == PREFS_PSEUDONYM - 4;
}

static enum err check_own(const char *name)
{
    if (is_pseudonym(name))
        return err_set(ERR_RANGE, "the name '%s' looks like a pseudonym", name);
    return check_name(name);
}

enum err prefs_person_outside(struct prefs *prefs, int64_t *id, const char *name, int64_t now)
{
    int64_t who = 0;
    enum err err = check_name(name);

    if (!err)
        err = sql_begin(prefs);
    if (err)
        return err;
    err = sql_number(prefs, &who, 0, "SELECT id FROM annotator WHERE name = ?1", "t", name);
    if (!err && !who) {
        err = add(prefs, &who, name, PREFS_ANNOTATOR, now);
        if (!err)
            err = sql_do(prefs, "UPDATE annotator SET standing = 'closed' WHERE id = ?1", "i",
                         who);
    }
    *id = who;
    return sql_finish(prefs, err);
}

enum err prefs_person_add(struct prefs *prefs, int64_t *id, const char *name,
                          enum prefs_role role, int64_t now)
{
    enum err err = check_own(name);

    if (!err)
        err = sql_begin(prefs);
    return err ? err : sql_finish(prefs, add(prefs, id, name, role, now));
}

/* ---- reading */

/* Counted from assignments, of which each remembers what became of it: no second count to
 * keep. */
enum err prefs_person_read(struct prefs *prefs, int64_t id, struct prefs_person *out)
{
    sqlite3_stmt *made;
    int role = 0, standing = 0;
    enum err err =
        sql_row(&made, prefs,
                "SELECT p.name, p.role, p.standing, p.since, p.login IS NOT NULL,"
                " total(a.state = 'done'), total(a.state = 'skipped'), count(a.was_right),"
                " total(a.was_right), max(a.ended) FROM annotator p LEFT JOIN assignment a"
                " ON a.annotator = p.id AND a.state IN ('done', 'skipped') WHERE p.id = ?1 "
                "GROUP BY p.id",
                "i", id);

    *out = (struct prefs_person){.id = id};
    if (err == ERR_RANGE)
        return err_set(err, "there is no annotator %lld", (long long)id);
    if (err)
        return err;
    sql_copy(out->name, sizeof out->name, made, 0);
    err = sql_word(&role, made, 1, words_role);
    if (!err)
        err = sql_word(&standing, made, 2, words_standing);
    out->role = (enum prefs_role)role;
    out->standing = (enum prefs_standing)standing;
    out->since = sqlite3_column_int64(made, 3);
    out->login = sqlite3_column_int(made, 4);
    out->judged = sqlite3_column_int64(made, 5);
    out->skipped = sqlite3_column_int64(made, 6);
    out->gold = sqlite3_column_int64(made, 7);
    out->gold_right = sqlite3_column_int64(made, 8);
    out->last = sqlite3_column_int64(made, 9);
    sql_end(made);
    return err;
}

enum err prefs_person_find(struct prefs *prefs, const char *name, int64_t *id)
{
    const enum err err =
        sql_number(prefs, id, 0, "SELECT id FROM annotator WHERE name = ?1", "t", name);

    return err || *id ? err : err_set(ERR_RANGE, "there is no annotator '%s'", name);
}

/* By number: the visitor may write, as in prefs_item_visit. */
enum err prefs_person_visit(struct prefs *prefs,
                            enum err (*visit)(void *self, const struct prefs_person *person),
                            void *self)
{
    struct prefs_person person;
    int64_t id = 0;
    enum err err = OK;

    while (!err) {
        err = sql_number(prefs, &id, 0, "SELECT min(id) FROM annotator WHERE id > ?1", "i", id);
        if (err || !id)
            return err;
        err = prefs_person_read(prefs, id, &person);
        if (!err)
            err = visit(self, &person);
    }
    return err;
}

/* ---- changing */

/* Was there such a person? For statements that change one row. */
static enum err changed(struct prefs *prefs, enum err err, int64_t id)
{
    if (!err && !sqlite3_changes(prefs->db))
        return err_set(ERR_RANGE, "there is no annotator %lld", (long long)id);
    return err;
}

enum err prefs_person_rename(struct prefs *prefs, int64_t id, const char *name)
{
    enum err err = check_own(name);

    if (!err)
        err = sql_begin(prefs);
    if (err)
        return err;
    err = check_free(prefs, name, id);
    if (!err)
        err = changed(prefs,
                      sql_do(prefs,
                             "UPDATE annotator SET name = ?2 WHERE id = ?1"
                             " AND standing <> 'forgotten'",
                             "it", id, name),
                      id);
    return sql_finish(prefs, err);
}

/* At the next request: sessions carry no role of their own. What only a reviewer decides goes
 * back with the role, or nobody else could decide it. */
enum err prefs_person_role(struct prefs *prefs, int64_t id, enum prefs_role role)
{
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = sql_do(prefs, "UPDATE annotator SET role = ?2 WHERE id = ?1", "it", id,
                 words_role[role]);
    err = changed(prefs, err, id);
    if (!err && role == PREFS_ANNOTATOR)
        err = sql_do(prefs,
                     "UPDATE assignment SET state = 'returned' WHERE annotator = ?1"
                     " AND state = 'open' AND why = 'adjudication'",
                     "i", id);
    return sql_finish(prefs, err);
}

/* Nobody logs in as who was forgotten, whatever a form that was open longer says. */
enum err prefs_login_write(struct prefs *prefs, int64_t id, const char *hashed)
{
    enum err err = hashed && strlen(hashed) > 512
                       ? err_set(ERR_RANGE, "a password's hash: at most 512 bytes")
                       : sql_begin(prefs);

    if (err)
        return err;
    err = sql_do(prefs,
                 "UPDATE annotator SET login = ?2 WHERE id = ?1 AND standing <> 'forgotten'",
                 "it", id, hashed);
    return sql_finish(prefs, changed(prefs, err, id));
}

/* Who has no password and who is not there look the same: both cannot log in. */
enum err prefs_login_read(struct prefs *prefs, int64_t id, char **out)
{
    sqlite3_stmt *made;
    bool row = false;
    enum err err = sql_open(&made, prefs, "SELECT login FROM annotator WHERE id = ?1", "i", id);

    *out = NULL;
    if (!err)
        err = sql_step(prefs, made, &row);
    if (err || !row)
        return err;
    *out = sql_text(made, 0);
    sql_end(made);
    return OK;
}

/* ---- links */

enum err prefs_invite_add(struct prefs *prefs, int64_t *id, const struct hash *token,
                          const struct prefs_invite *invite)
{
    int64_t last = 0;
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = sql_number(prefs, &last, 0, "SELECT max(id) FROM invite", "");
    *id = last + 1;
    if (!err)
        err = sql_do(prefs, "INSERT INTO invite VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0)",
                     "ihttiii", *id, token, words_role[invite->role], invite->label, invite->by,
                     invite->at, invite->expires);
    return sql_finish(prefs, err);
}

/* The token itself is not among the columns: a list of links must not let anybody in. */
static enum err invite_row(struct prefs_invite *out, sqlite3_stmt *made)
{
    int role = 0;
    const enum err err = sql_word(&role, made, 1, words_role);

    out->id = sqlite3_column_int64(made, 0);
    out->role = (enum prefs_role)role;
    sql_copy(out->label, sizeof out->label, made, 2);
    out->by = sqlite3_column_int64(made, 3);
    out->at = sqlite3_column_int64(made, 4);
    out->expires = sqlite3_column_int64(made, 5);
    out->used = sqlite3_column_int64(made, 6);
    out->used_by = sqlite3_column_int64(made, 7);
    return err;
}

enum err prefs_invite_read(struct prefs *prefs, const struct hash *token, int64_t now,
                           struct prefs_invite *out)
{
    sqlite3_stmt *made;
    enum err err = sql_row(&made, prefs,
                           "SELECT id, role, label, by_whom, at, expires, used, used_by"
                           " FROM invite WHERE token = ?1 AND used = 0 AND expires > ?2",
                           "hi", token, now);

    if (err == ERR_RANGE)
        return err_set(err, "this link does not let anybody in (any more)");
    if (err)
        return err;
    err = invite_row(out, made);
    sql_end(made);
    return err;
}

/* Looked up and used up in one call: of two who follow the same link, one comes in. */
enum err prefs_invite_use(struct prefs *prefs, const struct hash *token, int64_t annotator,
                          const char *name, int64_t now, int64_t *out)
{
    struct prefs_invite invite;
    int64_t who = annotator;
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = prefs_invite_read(prefs, token, now, &invite);
    if (!err && !annotator)
        err = check_own(name);
    if (!err && !annotator)
        err = add(prefs, &who, name, invite.role, now);
    if (!err)
        err = sql_do(prefs, "UPDATE invite SET used = ?2, used_by = ?3 WHERE id = ?1", "iii",
                     invite.id, now, who);
    if (!err)
        *out = who;
    return sql_finish(prefs, err);
}

enum err prefs_invite_visit(struct prefs *prefs,
                            enum err (*visit)(void *self, const struct prefs_invite *invite),
                            void *self)
{
    sqlite3_stmt *made;
    struct prefs_invite invite;
    bool row = false;
    enum err err = sql_open(&made, prefs,
                            "SELECT id, role, label, by_whom, at, expires, used, used_by"
                            " FROM invite ORDER BY id",
                            "");

    while (!err) {
        err = sql_step(prefs, made, &row);
        if (err || !row)
            return err;
        err = invite_row(&invite, made);
        if (!err)
            err = visit(self, &invite);
    }
    if (row)
        sql_end(made);
    return err;
}

/* One that was used may go as well: the person stays. */
enum err prefs_invite_drop(struct prefs *prefs, int64_t id)
{
    enum err err = sql_begin(prefs);

    return err ? err
               : sql_finish(prefs, sql_do(prefs, "DELETE FROM invite WHERE id = ?1", "i", id));
}

/* ---- the audit */

/* Part of the group: what was not done is not in the audit, and what is in it was done. */
enum err prefs_audit_add(struct prefs *prefs, int64_t annotator, const char *action,
                         const char *subject, int64_t now)
{
    int64_t last = 0;
    enum err err = strlen(action) > PREFS_NAME_MAX || strlen(subject) > PREFS_REASON_MAX
                       ? err_set(ERR_RANGE, "an entry of the audit is too long")
                       : sql_begin(prefs);

    if (err)
        return err;
    err = sql_number(prefs, &last, 0, "SELECT max(seq) FROM audit", "");
    if (!err)
        err = sql_do(prefs, "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5)", "iiitt", last + 1,
                     now, annotator, action, subject);
    return sql_finish(prefs, err);
}

/* Newest first: who looks wants to know what has just happened. */
enum err prefs_audit_visit(struct prefs *prefs, size_t most,
                           enum err (*visit)(void *self, const struct prefs_audit *entry),
                           void *self)
{
    sqlite3_stmt *made;
    bool row = false;
    enum err err = sql_open(&made, prefs,
                            "SELECT seq, at, annotator, action, subject FROM audit"
                            " ORDER BY seq DESC LIMIT ?1",
                            "i", (int64_t)most);

    while (!err) {
        struct prefs_audit entry;
        err = sql_step(prefs, made, &row);
        if (err || !row)
            return err;
        entry = (struct prefs_audit){.seq = sqlite3_column_int64(made, 0),
                                     .at = sqlite3_column_int64(made, 1),
                                     .annotator = sqlite3_column_int64(made, 2),
                                     .action = (const char *)sqlite3_column_text(made, 3),
                                     .subject = (const char *)sqlite3_column_text(made, 4)};
        err = visit(self, &entry);
    }
    if (row)
        sql_end(made);
    return err;
}
