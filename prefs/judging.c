/* A judgement in order: is its id known (then this is a client that did not hear our answer);
 * whose assignment is it and may it still be judged; does the verdict fit the item; then a
 * row, the assignment's end, the item counted anew. All of it is one call of the group: whole
 * or not at all.
 *
 * * A lease that is over does not void the work: the judgement of somebody who was away too
 * long is taken, and the item then perhaps has one more than planned. */

#include "prefs/judge.h"

#include "base/mem.h"
#include "prefs/giving.h"
#include "prefs/item_count.h"
#include "prefs/judge_row.h"
#include "prefs/outbox_row.h"
#include "prefs/people.h"
#include "prefs/sql.h"
#include "prefs/verdict.h"

#include <stdlib.h>
#include <string.h>

/* Short enough for an index, long enough that two clients do not meet by chance; nothing that
 * would have to be escaped anywhere. */
static enum err check_id(const char *id)
{
    const size_t n = strlen(id);

    if (n < 8 || n > PREFS_NAME_MAX ||
        strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != n)
        return err_set(ERR_RANGE, "a judgement's id: 8..%d letters, digits, '.', '_', '-'",
                       PREFS_NAME_MAX);
    return OK;
}

/* ---- is it here already */

/* *found: the id is there, and says the same. The content of an undo is that it is one. */
static enum err known(struct prefs *prefs, const struct judge_row *row, bool *found,
                      int64_t *assignment)
{
    const struct hash content = judge_row_content(row);
    sqlite3_stmt *made;
    bool same = false;
    enum err err =
        sql_open(&made, prefs,
                 "SELECT content, verdict, annotator, assignment FROM judgement WHERE id = ?1",
                 "t", row->id);

    *found = false;
    if (!err)
        err = sql_step(prefs, made, found);
    if (err || !*found)
        return err;
    if (!strcmp(row->verdict, words_verdict[PREFS_UNDO]))
        same = sqlite3_column_int64(made, 2) == row->annotator &&
               !strcmp((const char *)sqlite3_column_text(made, 1), row->verdict);
    else
        same = sqlite3_column_bytes(made, 0) == HASH_BYTES &&
               !memcmp(sqlite3_column_blob(made, 0), content.byte, HASH_BYTES);
    *assignment = sqlite3_column_int64(made, 3);
    sql_end(made);
    return same ? OK : err_set(ERR_STATE, "this id stands for another judgement");
}

/* ---- does it fit */

struct question {
    enum prefs_mode mode;
    int n, steps;
    json_t *gold;
    bool withdrawn;
};

/* Only step by step needs the content: how many steps there are is the range of the answer. */
static enum err read_steps(struct prefs *prefs, int64_t item, int *steps)
{
    sqlite3_stmt *made;
    json_t *content = NULL;
    bool row = false;
    enum err err =
        sql_open(&made, prefs, "SELECT content FROM candidate WHERE item = ?1 AND number = 0",
                 "i", item);

    if (!err)
        err = sql_step(prefs, made, &row);
    if (!err && row)
        err = sql_json(&content, made, 0);
    if (row)
        sql_end(made);
    *steps = (int)json_array_size(content);
    json_decref(content);
    return err;
}

/* From the item as it is now: it may have been withdrawn since it was given. */
static enum err read_question(struct prefs *prefs, int64_t item, struct question *out)
{
    sqlite3_stmt *made;
    bool row = false;
    int mode = 0;
    enum err err = sql_open(
        &made, prefs, "SELECT mode, n, gold, withdrawn FROM item WHERE id = ?1", "i", item);

    if (!err)
        err = sql_step(prefs, made, &row);
    if (!err && !row)
        err = err_set(ERR_PARSE, "%s: damaged: an assignment without item", prefs->path);
    if (!err)
        err = sql_word(&mode, made, 0, words_mode);
    if (!err)
        err = sql_json(&out->gold, made, 2);
    out->mode = (enum prefs_mode)mode;
    out->n = row ? sqlite3_column_int(made, 1) : 0;
    out->withdrawn = row && sqlite3_column_int(made, 3);
    if (row)
        sql_end(made);
    if (!err && mode == PREFS_STEPS)
        err = read_steps(prefs, item, &out->steps);
    return err;
}

/* Expired and returned ones are let through on purpose: see above. */
static enum err check_open(const struct prefs_assignment *it, const struct question *question)
{
    if (it->state == PREFS_DONE || it->state == PREFS_SKIPPED)
        return err_set(ERR_STATE, "this item is judged already; take that back to judge anew");
    if (it->state == PREFS_WITHDRAWN || question->withdrawn)
        return err_set(ERR_STATE, "this item was taken out of the plan");
    return OK;
}

/* Asked when it is said, not only when it was given: a role that was taken away since, an
 * undo, a tab left open would else decide for everybody. */
static enum err check_role(struct prefs *prefs, const struct prefs_assignment *it)
{
    struct prefs_person person;
    enum err err = OK;

    if (it->why == PREFS_ADJUDICATION)
        err = prefs_person_read(prefs, it->annotator, &person);
    if (!err && it->why == PREFS_ADJUDICATION && person.role == PREFS_ANNOTATOR)
        err = err_set(ERR_STATE, "only a reviewer decides where people differ");
    return err;
}

/* ---- writing */

/* 1 or 0: right or wrong; -1: nobody knows. */
static int64_t gold_right(const struct question *question, const struct prefs_judgement *said)
{
    struct prefs_judgement gold;

    if (!question->gold || said->verdict == PREFS_SKIP ||
        prefs_verdict_read(question->gold, question->mode, question->n, &gold))
        return -1;
    return prefs_verdict_same(&gold, said);
}

static enum err end_assignment(struct prefs *prefs, const struct prefs_judgement *said,
                               const struct prefs_assignment *it,
                               const struct question *question, const char *view, int64_t now)
{
    const bool skip = said->verdict == PREFS_SKIP;
    enum err err = sql_do(prefs,
                          "UPDATE assignment SET state = ?2, ended = ?3, said = ?4,"
                          " was_right = nullif(?5, -1) WHERE id = ?1",
                          "ititi", it->id, skip ? "skipped" : "done", now, view,
                          gold_right(question, said));

    if (err == ERR_STATE) /* the unique index: the same person was given the item again */
        return err_set(ERR_STATE, "this item was given to you again meanwhile");
    return err ? err : item_count(prefs, it->item, !skip, NULL);
}

static char *dumped(const json_t *value)
{
    return value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
}

/* Only what the verdict has; the rest a client may have left in. */
static struct judge_row row_of(const struct prefs_judgement *said, const char *view,
                               int64_t now)
{
    const enum prefs_verdict verdict = said->verdict;

    return (struct judge_row){
        .id = said->id,
        .assignment = said->assignment,
        .annotator = said->annotator,
        .verdict = words_verdict[verdict],
        .choice = verdict == PREFS_CHOSEN ? said->choice : -1,
        .step = verdict == PREFS_STEP ? said->step : -1,
        .ranking = verdict == PREFS_RANKING ? dumped(said->ranking) : NULL,
        .text = verdict == PREFS_REWRITTEN ? dumped(said->text) : NULL,
        .strength = said->strength,
        .criteria = dumped(said->criteria),
        .reason = said->reason && *said->reason ? said->reason : NULL,
        .flags = dumped(said->flags),
        .shown = said->shown_ms,
        .at = now,
        .view = view,
    };
}

static void row_free(struct judge_row *row)
{
    free((char *)(uintptr_t)row->ranking);
    free((char *)(uintptr_t)row->text);
    free((char *)(uintptr_t)row->criteria);
    free((char *)(uintptr_t)row->flags);
}

/* The verdict is checked against the item last, because its words may name its content: who
 * may not see the item must not learn from them. */
static enum err judge(struct prefs *prefs, const struct prefs_judgement *said,
                      struct judge_row *row, bool here, int64_t now)
{
    struct prefs_assignment it;
    struct question question = {.n = 0};
    enum err err = prefs_assignment_read(prefs, said->assignment, said->annotator, &it);

    if (!err && here)
        err = check_role(prefs, &it);
    if (!err)
        err = read_question(prefs, it.item, &question);
    if (!err)
        err = check_open(&it, &question);
    if (!err)
        err = verdict_check(said, question.mode, question.n, question.steps);
    if (!err)
        err = judge_row_write(prefs, row);
    if (!err && here)
        err = outbox_row_said(prefs, row->seq);
    if (!err)
        err = end_assignment(prefs, said, &it, &question, row->view, now);
    json_decref(question.gold);
    return err;
}

/* here: by somebody who was given it in this store; what was decided elsewhere was decided by who
 * might do so there. */
static enum err take(struct prefs *prefs, const struct prefs_judgement *said, bool here,
                     int64_t now, bool *again)
{
    struct strbuf view = {0};
    struct judge_row row;
    bool found = false;
    int64_t assignment;
    enum err err = check_id(said->id);

    if (again)
        *again = false;
    if (!err && said->verdict >= PREFS_UNDO)
        err = err_set(ERR_RANGE, "no such verdict");
    if (!err && !said->annotator) /* 0 would stand for anyone */
        err = err_set(ERR_RANGE, "there is no such assignment");
    if (!err)
        err = sql_begin(prefs);
    if (err)
        return err;
    verdict_view(&view, said);
    row = row_of(said, view.text ? view.text : "", now);
    err = known(prefs, &row, &found, &assignment);
    if (!err && !found)
        err = judge(prefs, said, &row, here, now);
    if (again)
        *again = found && !err;
    row_free(&row);
    free(view.text);
    return sql_finish(prefs, err);
}

enum err prefs_judge(struct prefs *prefs, const struct prefs_judgement *said, int64_t now,
                     bool *again)
{
    return take(prefs, said, true, now, again);
}

/* The two calls are one: an assignment without its judgement would be an open lease of nobody. */
enum err prefs_record(struct prefs *prefs, int64_t item, const int *order, enum prefs_why why,
                      const struct prefs_judgement *said, int64_t at, bool *again)
{
    struct prefs_judgement whole = *said;
    struct prefs_assignment it = {.id = 0};
    int64_t known_as = 0;
    enum err err = check_id(said->id);

    *again = false;
    if (!err)
        err = sql_begin(prefs);
    if (err)
        return err;
    err = sql_number(prefs, &known_as, 0, "SELECT seq FROM judgement WHERE id = ?1", "t",
                     said->id);
    if (!err && known_as) {
        *again = true;
        return sql_finish(prefs, OK);
    }
    if (!err)
        err = giving_record(prefs, said->annotator, item, why, order, at, &it);
    whole.assignment = it.id;
    if (!err)
        err = take(prefs, &whole, false, at, NULL);
    return sql_finish(prefs, err);
}

/* ---- taking back */

/* The latest row that stands, whatever it is: pressing undo twice goes back two. */
static enum err reopen(struct prefs *prefs, struct judge_row *row, int64_t now)
{
    struct prefs_assignment it;
    struct question question = {.n = 0};
    enum err err =
        sql_number(prefs, &row->undoes, 0,
                   "SELECT max(seq) FROM judgement j WHERE annotator = ?1 AND verdict"
                   " NOT IN ('undo', 'dropped') AND NOT EXISTS (SELECT 1 FROM"
                   " judgement u WHERE u.undoes = j.seq)",
                   "i", row->annotator);

    if (!err && !row->undoes)
        err = err_set(ERR_STATE, "there is nothing to take back");
    if (!err)
        err = sql_number(prefs, &row->assignment, 0,
                         "SELECT assignment FROM judgement WHERE seq = ?1", "i", row->undoes);
    if (!err)
        err = prefs_assignment_read(prefs, row->assignment, row->annotator, &it);
    if (!err)
        err = check_role(prefs, &it);
    if (!err)
        err = read_question(prefs, it.item, &question);
    json_decref(question.gold);
    if (!err && question.withdrawn)
        err = err_set(ERR_STATE, "its item was taken out of the plan");
    if (!err)
        err = judge_row_write(prefs, row);
    if (!err)
        err = outbox_row_said(prefs, row->seq);
    if (!err)
        err = sql_do(prefs,
                     "UPDATE assignment SET state = 'open', ended = 0, said = NULL,"
                     " was_right = NULL, expires = ?2 WHERE id = ?1",
                     "ii", row->assignment, now + prefs->settings.lease_ms);
    return err ? err : item_count(prefs, it.item, false, NULL);
}

enum err prefs_undo(struct prefs *prefs, const char *id, int64_t annotator, int64_t now,
                    struct prefs_assignment *out, bool *again)
{
    struct judge_row row = {.id = id,
                            .annotator = annotator,
                            .verdict = words_verdict[PREFS_UNDO],
                            .choice = -1,
                            .step = -1,
                            .at = now,
                            .view = ""};
    bool found = false;
    int64_t assignment = 0;
    enum err err = check_id(id);

    if (!err)
        err = sql_begin(prefs);
    if (err)
        return err;
    err = known(prefs, &row, &found, &assignment);
    if (!err && !found)
        err = reopen(prefs, &row, now);
    if (!err)
        err = prefs_assignment_read(prefs, found ? assignment : row.assignment, annotator, out);
    if (again)
        *again = found && !err;
    return sql_finish(prefs, err);
}
