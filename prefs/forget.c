/* People who leave: closed, or forgotten. What a person wrote in words goes; what was judged
 * is a number under a pseudonym and stays, or goes too when that is asked. The rows themselves
 * remain, so that nothing is counted twice and an old retry is still known; what was in them
 * is overwritten in the file (secure_delete) and, once the group is durable, in the log. */

#include "prefs/item_count.h"
#include "prefs/judge_row.h"
#include "prefs/outbox_row.h"
#include "prefs/people.h"
#include "prefs/sql.h"

#include <string.h>

/* Gives back everything that the person has in a state: each item is counted anew. */
static enum err end_open(struct prefs *prefs, int64_t id, const char *from, const char *to)
{
    enum err err = OK;

    for (;;) {
        int64_t one = 0, item = 0;
        err = sql_number(prefs, &one, 0,
                         "SELECT min(id) FROM assignment WHERE annotator = ?1 AND state = ?2",
                         "it", id, from);
        if (err || !one)
            return err;
        err =
            sql_number(prefs, &item, 0, "SELECT item FROM assignment WHERE id = ?1", "i", one);
        if (!err)
            err = sql_do(prefs,
                         "UPDATE assignment SET state = ?2, said = NULL, was_right = NULL"
                         " WHERE id = ?1",
                         "it", one, to);
        if (!err)
            err = item_count(prefs, item, false, NULL);
        if (err)
            return err;
    }
}

/* A pause leaves what is open: it can be finished. Who is closed has nothing open any more. */
enum err prefs_person_stand(struct prefs *prefs, int64_t id, enum prefs_standing standing)
{
    int64_t was = 0;
    enum err err =
        standing != PREFS_FORGOTTEN ? sql_begin(prefs) : err_set(ERR_RANGE, "no such standing");

    if (err)
        return err;
    err = sql_number(prefs, &was, 0,
                     "SELECT 1 FROM annotator WHERE id = ?1 AND standing <> 'forgotten'", "i",
                     id);
    if (!err && !was)
        err = err_set(ERR_RANGE, "there is no annotator %lld", (long long)id);
    if (!err)
        err = sql_do(prefs, "UPDATE annotator SET standing = ?2 WHERE id = ?1", "it", id,
                     words_standing[standing]);
    if (!err && standing == PREFS_CLOSED)
        err = prefs_session_end_all(prefs, id, 0);
    if (!err && standing == PREFS_CLOSED)
        err = end_open(prefs, id, "open", "returned");
    return sql_finish(prefs, err);
}

/* Between these two alone: what an admin has set is not undone by whom it is about. */
enum err prefs_person_pause(struct prefs *prefs, int64_t id, bool paused)
{
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = sql_do(prefs,
                 "UPDATE annotator SET standing = ?2 WHERE id = ?1"
                 " AND standing IN ('active', 'paused')",
                 "it", id, words_standing[paused ? PREFS_PAUSED : PREFS_ACTIVE_PERSON]);
    if (!err && !sqlite3_changes(prefs->db))
        err = err_set(ERR_STATE, "an admin has paused you, and only an admin ends that");
    return sql_finish(prefs, err);
}

/* A row without its words, or without anything, and what is summed up anew. */
static enum err blank_row(struct prefs *prefs, int64_t seq, bool drop)
{
    sqlite3_stmt *made;
    struct judge_row row;
    struct hash content;
    bool there = false;
    int64_t sum = 0;
    enum err err =
        sql_open(&made, prefs, "SELECT " JUDGE_ROW_COLUMNS " FROM judgement j WHERE j.seq = ?1",
                 "i", seq);

    if (!err)
        err = sql_step(prefs, made, &there);
    if (err || !there)
        return err;
    err = judge_row_read(&row, prefs, made);
    row.reason = NULL;
    if (drop && !err && strcmp(row.verdict, words_verdict[PREFS_UNDO]) != 0) {
        row.verdict = words_verdict[PREFS_DROPPED];
        row.choice = row.step = -1;
        row.ranking = row.text = row.criteria = row.flags = NULL;
        row.strength = row.shown = 0;
        row.view = "";
    }
    content = judge_row_content(&row);
    sum = judge_row_sum(&row, &content);
    drop = !strcmp(row.verdict, words_verdict[PREFS_DROPPED]);
    sql_end(made);
    if (err)
        return err;
    if (!drop)
        return sql_do(
            prefs, "UPDATE judgement SET reason = NULL, content = ?2, sum = ?3 WHERE seq = ?1",
            "ihi", seq, &content, sum);
    return sql_do(prefs,
                  "UPDATE judgement SET verdict = 'dropped', choice = -1, step = -1,"
                  " ranking = NULL, text = NULL, strength = 0, criteria = NULL, reason = NULL,"
                  " flags = NULL, shown = 0, said = '', content = ?2, sum = ?3 WHERE seq = ?1",
                  "ihi", seq, &content, sum);
}

/* Undo rows keep what they are: they hold no words, and the chain of rows stays whole. */
static enum err blank_rows(struct prefs *prefs, int64_t id, bool drop)
{
    int64_t seq = 0;
    enum err err = OK;

    while (!err) {
        err = sql_number(prefs, &seq, 0,
                         "SELECT min(seq) FROM judgement WHERE annotator = ?1 AND seq > ?2",
                         "ii", id, seq);
        if (err || !seq)
            break;
        if (drop)
            err = outbox_row_dropping(prefs, seq);
        if (!err)
            err = blank_row(prefs, seq, drop);
    }
    return err;
}

/* The name goes to null, so that another person may have it some day. */
static enum err forget(struct prefs *prefs, int64_t id, bool drop)
{
    enum err err = sql_do(prefs,
                          "UPDATE annotator SET name = NULL, login = NULL,"
                          " standing = 'forgotten' WHERE id = ?1",
                          "i", id);

    if (!err && !sqlite3_changes(prefs->db))
        return err_set(ERR_RANGE, "there is no annotator %lld", (long long)id);
    if (!err)
        err = prefs_session_end_all(prefs, id, 0);
    if (!err)
        err = sql_do(prefs, "UPDATE audit SET subject = '' WHERE annotator = ?1", "i", id);
    if (!err)
        err = sql_do(prefs, "UPDATE invite SET label = '' WHERE used_by = ?1", "i", id);
    if (!err)
        err = end_open(prefs, id, "open", "returned");
    if (!err)
        err = blank_rows(prefs, id, drop);
    if (!err && drop)
        err = end_open(prefs, id, "done", "withdrawn");
    if (!err && drop)
        err = end_open(prefs, id, "skipped", "withdrawn");
    return err;
}

/* The audit gets the pseudonym: that somebody was forgotten can be shown, not who. */
enum err prefs_forget(struct prefs *prefs, int64_t id, bool drop, int64_t now)
{
    char subject[64] = "";
    char name[PREFS_PSEUDONYM];
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = forget(prefs, id, drop);
    prefs_pseudonym(prefs, id, name);
    memcpy(subject, name, sizeof name);
    if (!err)
        err = prefs_audit_add(prefs, 0, drop ? "forget, judgements dropped" : "forget", subject,
                              now);
    if (!err)
        prefs->scrub = true;
    return sql_finish(prefs, err);
}
