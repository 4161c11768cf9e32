/* One call is one transaction's part: what the person has open comes again; else leases that
 * are over end, an item is found (finding.c), its candidates get their order (offer.h), and an
 * assignment is written. That nobody gets an item twice is a unique index of the table, not
 * only this file's care. */

#include "prefs/giving.h"

#include "prefs/assign_row.h"
#include "prefs/finding.h"
#include "prefs/item_count.h"
#include "prefs/offer.h"
#include "prefs/sql.h"

#include <string.h>

/* ---- the person */

static enum err read_person(struct prefs *prefs, int64_t id, struct finding_person *out)
{
    sqlite3_stmt *made;
    enum err err =
        sql_row(&made, prefs, "SELECT standing, role, given, lean FROM annotator WHERE id = ?1",
                "i", id);

    if (err == ERR_RANGE)
        return err_set(err, "there is no annotator %lld", (long long)id);
    if (err)
        return err;
    err = sql_word(&out->standing, made, 0, words_standing);
    if (!err)
        err = sql_word(&out->role, made, 1, words_role);
    out->id = id;
    out->given = sqlite3_column_int64(made, 2);
    out->lean = sqlite3_column_int64(made, 3);
    sql_end(made);
    return err;
}

/* Who is closed or forgotten gets the same words: others need not know which. */
static enum err read_active(struct prefs *prefs, int64_t id, struct finding_person *out)
{
    const enum err err = read_person(prefs, id, out);

    if (!err && (out->standing == PREFS_CLOSED || out->standing == PREFS_FORGOTTEN))
        return err_set(ERR_STATE, "this person takes part no more");
    return err;
}

/* ---- the order of candidates */

/* Repeats are no part of the balance: they are the mirror of what was shown before. */
static enum err order_fresh(struct prefs *prefs, const struct finding_person *person,
                            const struct finding *pick, int *order)
{
    double base[PREFS_CANDIDATES_MAX];
    struct offer_balance balance = {
        .n = pick->n,
        .person_lean = person->lean,
        .base = base,
        .u = prefs_draw(prefs, "side", (uint64_t)person->id, (uint64_t)pick->item)};
    enum err err = sql_number(prefs, &balance.item_lean, 0,
                              "SELECT total(places = '10') - total(places = '01')"
                              " FROM assignment WHERE item = ?1 AND state IN ('open', 'done')"
                              " AND why <> 'repeat'",
                              "i", pick->item);

    if (!err)
        err = sql_number(prefs, &balance.turn, 0,
                         "SELECT count(*) FROM assignment WHERE item = ?1"
                         " AND state IN ('open', 'done') AND why <> 'repeat'",
                         "i", pick->item);
    for (int i = 0; i < pick->n; i++)
        base[i] = prefs_draw(prefs, "base", (uint64_t)pick->item, (uint64_t)i);
    if (!err)
        offer_order(order, &balance);
    return err;
}

/* All the way round, also of more than two: each place is taken by its opposite. */
static enum err order_swapped(struct prefs *prefs, const struct finding *pick, int *order)
{
    struct prefs_assignment first;
    enum err err = prefs_assignment_read(prefs, pick->repeats, 0, &first);

    for (int i = 0; !err && i < pick->n; i++)
        order[i] = first.order[pick->n - 1 - i];
    return err;
}

/* ---- giving */

/* The lease, the person's running number and the item's counters change together or not at
 * all. */
static enum err give(struct prefs *prefs, const struct finding_person *person,
                     const struct finding *pick, int64_t now, struct prefs_assignment *out)
{
    int order[PREFS_CANDIDATES_MAX] = {0};
    char places[PREFS_CANDIDATES_MAX + 1];
    int64_t id = 0, guideline = 0;
    enum err err = pick->repeats ? order_swapped(prefs, pick, order)
                                 : order_fresh(prefs, person, pick, order);

    assign_row_places(places, order, pick->n);
    if (!err)
        err = sql_number(prefs, &id, 0, "SELECT max(id) FROM assignment", "");
    if (!err)
        err = sql_number(prefs, &guideline, 0, "SELECT max(version) FROM guideline", "");
    if (!err)
        err = sql_do(
            prefs,
            "INSERT INTO assignment VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, ''), ?7, ?8,"
            " 'open', ?9, nullif(?10, 0), ?11, ?12, 0, NULL, NULL)",
            "iiiittrtiiii", id + 1, pick->item, person->id, person->given + 1,
            words_why[pick->why], pick->why == PREFS_ACTIVE ? pick->active : "", pick->chance,
            places, guideline, pick->repeats, now, now + prefs->settings.lease_ms);
    if (!err)
        err = sql_do(prefs,
                     "UPDATE annotator SET given = given + 1, lean = lean + ?2 WHERE id = ?1",
                     "ii", person->id,
                     (int64_t)(pick->n != 2 ? 0
                               : order[0]   ? 1
                                            : -1));
    if (!err)
        err = item_count(prefs, pick->item, false, NULL);
    return err ? err : prefs_assignment_read(prefs, id + 1, 0, out);
}

/* A lease never shrinks, whatever a clock that was set back says. */
static enum err renew(struct prefs *prefs, int64_t id, int64_t now,
                      struct prefs_assignment *out)
{
    enum err err = sql_do(prefs,
                          "UPDATE assignment SET state = 'open', expires = max(expires, ?2)"
                          " WHERE id = ?1",
                          "ii", id, now + prefs->settings.lease_ms);

    return err ? err : prefs_assignment_read(prefs, id, 0, out);
}

static enum err end_lease(struct prefs *prefs, int64_t id, int64_t item, const char *state,
                          int64_t now)
{
    enum err err = sql_do(prefs, "UPDATE assignment SET state = ?2, ended = ?3 WHERE id = ?1",
                          "iti", id, state, now);

    return err ? err : item_count(prefs, item, false, NULL);
}

/* The longest overdue first; the index holds open ones alone, so that this costs nothing when
 * nothing is over. */
static enum err expire(struct prefs *prefs, int64_t now, int *n)
{
    enum err err = OK;

    for (*n = 0; !err; ++*n) {
        sqlite3_stmt *made;
        int64_t id = 0, item = 0;
        bool row = false;
        err = sql_open(&made, prefs,
                       "SELECT id, item FROM assignment WHERE state = 'open' AND expires <= ?1"
                       " ORDER BY expires LIMIT 1",
                       "i", now);
        if (!err)
            err = sql_step(prefs, made, &row);
        if (err || !row)
            return err;
        id = sqlite3_column_int64(made, 0);
        item = sqlite3_column_int64(made, 1);
        sql_end(made);
        err = end_lease(prefs, id, item, "expired", now);
    }
    return err;
}

enum err prefs_expire(struct prefs *prefs, int64_t now, int *n)
{
    int ended = 0;
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = sql_finish(prefs, expire(prefs, now, &ended));
    if (n)
        *n = err ? 0 : ended;
    return err;
}

static enum err something_new(struct prefs *prefs, const struct finding_person *person,
                              int64_t now, enum prefs_offer *offer,
                              struct prefs_assignment *out)
{
    struct finding pick = {.item = 0};
    bool found = false;
    int64_t out_there = 0;
    int ended;
    enum err err = expire(prefs, now, &ended);

    if (!err)
        err = finding_choose(prefs, person, now, &pick, &found);
    if (!err && found)
        err = give(prefs, person, &pick, now, out);
    if (err || found)
        return err;
    /* What others have open may come back, and would then be this person's, too. */
    err = sql_number(prefs, &out_there, 0,
                     "SELECT count(*) FROM assignment o WHERE o.state = 'open' AND o.why IN"
                     " ('plan', 'active', 'disagreement') AND NOT EXISTS (SELECT 1 FROM"
                     " assignment a WHERE a.annotator = ?1 AND a.item = o.item"
                     " AND a.state IN ('open', 'done', 'skipped'))",
                     "i", person->id);
    *offer = out_there ? PREFS_LATER : PREFS_FINISHED;
    return err;
}

/* What is open comes before everything else, also before leases are ended: a reload, a second
 * tab and a person who was away get what they had. */
enum err prefs_next(struct prefs *prefs, int64_t annotator, int64_t now,
                    enum prefs_offer *offer, struct prefs_assignment *out)
{
    struct finding_person person;
    int64_t open = 0;
    enum err err = sql_begin(prefs);

    *offer = PREFS_GIVEN;
    if (err)
        return err;
    err = read_active(prefs, annotator, &person);
    if (!err)
        err = sql_number(prefs, &open, 0,
                         "SELECT min(id) FROM assignment WHERE annotator = ?1"
                         " AND state = 'open'",
                         "i", annotator);
    if (!err && open)
        err = renew(prefs, open, now, out);
    else if (!err && person.standing != PREFS_ACTIVE_PERSON)
        *offer = person.standing == PREFS_HELD ? PREFS_ON_HOLD : PREFS_ON_PAUSE;
    else if (!err)
        err = something_new(prefs, &person, now, offer, out);
    return sql_finish(prefs, err);
}

/* What is needed, less what of it was this person's: of the two, the long list is counted in its
 * index alone. */
enum err prefs_left(struct prefs *prefs, int64_t annotator, int64_t *out)
{
    return sql_number(prefs, out, 0,
                      "SELECT (SELECT count(*) FROM item WHERE need > 0) - (SELECT"
                      " count(DISTINCT a.item) FROM assignment a CROSS JOIN item i ON"
                      " i.id = a.item WHERE a.annotator = ?1 AND i.need > 0"
                      " AND a.state IN ('open', 'done', 'skipped'))",
                      "i", annotator);
}

/* ---- leases */

enum err prefs_extend(struct prefs *prefs, int64_t id, int64_t annotator, int64_t now,
                      int64_t *expires)
{
    struct prefs_assignment it;
    struct item_count count;
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = prefs_assignment_read(prefs, id, annotator, &it);
    if (!err && it.state == PREFS_EXPIRED) {
        /* Late, but nobody was given it meanwhile: it is this person's again. */
        err = item_count_look(prefs, it.item, &count);
        if (!err && !count.need)
            err = err_set(ERR_STATE, "the time for this item was over; others have it now");
    } else if (!err && it.state != PREFS_OPEN) {
        err = err_set(ERR_STATE, "this item is not open any more (%s)", words_state[it.state]);
    }
    if (!err)
        err = renew(prefs, id, now, &it);
    if (!err)
        err = item_count(prefs, it.item, false, NULL);
    *expires = err ? 0 : it.expires;
    return sql_finish(prefs, err);
}

enum err prefs_return(struct prefs *prefs, int64_t id, int64_t annotator, int64_t now)
{
    struct prefs_assignment it;
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = prefs_assignment_read(prefs, id, annotator, &it);
    if (!err && it.state != PREFS_OPEN)
        err = err_set(ERR_STATE, "this item is not open any more (%s)", words_state[it.state]);
    if (!err)
        err = end_lease(prefs, id, it.item, "returned", now);
    return sql_finish(prefs, err);
}

/* ---- adjudication */

/* Those where no view has most come first: there a decision changes most. */
enum err prefs_differing(struct prefs *prefs, int64_t *item, size_t room, size_t *n)
{
    sqlite3_stmt *made;
    bool row = false;
    size_t at = 0;
    int64_t all;
    enum err err = sql_number(prefs, &all, 0,
                              "SELECT count(*) FROM item WHERE split > 0 AND NOT adjudicated"
                              " AND NOT withdrawn",
                              "");

    *n = 0;
    if (!err)
        err = sql_open(&made, prefs,
                       "SELECT id FROM item WHERE split > 0 AND NOT adjudicated"
                       " AND NOT withdrawn ORDER BY split DESC, id LIMIT ?1",
                       "i", (int64_t)room);
    while (!err) {
        err = sql_step(prefs, made, &row);
        if (err || !row)
            break;
        item[at++] = sqlite3_column_int64(made, 0);
    }
    *n = err ? 0 : (size_t)all;
    return err;
}

/* A number that somebody made up is no way to see what others said: the item is one of
 * prefs_differing's, and not one that this person is still to judge without knowing that. */
static enum err check_differs(struct prefs *prefs, int64_t annotator, int64_t item)
{
    int64_t differs = 0, own = 0;
    enum err err = sql_number(prefs, &differs, 0,
                              "SELECT count(*) FROM item WHERE id = ?1 AND split > 0"
                              " AND NOT adjudicated AND NOT withdrawn",
                              "i", item);

    if (!err && !differs)
        err = err_set(ERR_STATE, "people do not differ on this item, or it is decided");
    if (!err)
        err = sql_number(prefs, &own, 0,
                         "SELECT count(*) FROM assignment WHERE item = ?1 AND annotator = ?2"
                         " AND state = 'open'",
                         "ii", item, annotator);
    if (!err && own)
        err = err_set(ERR_STATE, "this item is open with you: judge it before you see what "
                                 "others said");
    return err;
}

static enum err check_free(struct prefs *prefs, int64_t annotator, int64_t item)
{
    int64_t taken = 0;
    const enum err err = sql_number(prefs, &taken, 0,
                                    "SELECT count(*) FROM assignment WHERE item = ?1"
                                    " AND why = 'adjudication' AND state IN ('open', 'done')",
                                    "i", item);

    if (err)
        return err;
    return taken ? err_set(ERR_STATE, "another reviewer has this item, or has decided it")
                 : check_differs(prefs, annotator, item);
}

/* One decision an item: two reviewers who press at once are told apart by the group, in which
 * the second finds the first one's assignment. */
enum err prefs_adjudicate(struct prefs *prefs, int64_t annotator, int64_t item, int64_t now,
                          struct prefs_assignment *out)
{
    struct finding_person person;
    struct finding pick = {.item = item, .why = PREFS_ADJUDICATION, .chance = 1};
    int64_t n = 0, mine = 0;
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = read_active(prefs, annotator, &person);
    if (!err && person.role == PREFS_ANNOTATOR)
        err = err_set(ERR_STATE, "only a reviewer decides where people differ");
    if (!err && person.standing == PREFS_HELD)
        err = err_set(ERR_STATE,
                      "an admin has paused you: nothing new comes until one ends that");
    if (!err)
        err = sql_number(prefs, &n, 0, "SELECT n FROM item WHERE id = ?1 AND gold IS NULL", "i",
                         item);
    if (!err && (n < 1 || n > PREFS_CANDIDATES_MAX))
        err = err_set(ERR_RANGE, "there is no item %lld to decide", (long long)item);
    pick.n = (int)n;
    if (!err)
        err = sql_number(prefs, &mine, 0,
                         "SELECT id FROM assignment WHERE item = ?1 AND why = 'adjudication'"
                         " AND state = 'open' AND annotator = ?2",
                         "ii", item, annotator);
    if (!err && !mine)
        err = check_free(prefs, annotator, item);
    if (!err)
        err = mine ? renew(prefs, mine, now, out) : give(prefs, &person, &pick, now, out);
    return sql_finish(prefs, err);
}

/* ---- what was judged elsewhere */

/* Whoever he is: a name from an import is closed, and has judged all the same. */
enum err giving_record(struct prefs *prefs, int64_t annotator, int64_t item, enum prefs_why why,
                       const int *order, int64_t at, struct prefs_assignment *out)
{
    struct finding_person person;
    struct finding pick = {.item = item, .why = why, .chance = 1};
    char places[PREFS_CANDIDATES_MAX + 1];
    int64_t n = 0;
    enum err err = read_person(prefs, annotator, &person);

    if (!err)
        err = sql_number(prefs, &n, 0, "SELECT n FROM item WHERE id = ?1", "i", item);
    if (!err && (n < 1 || n > PREFS_CANDIDATES_MAX))
        err = err_set(ERR_RANGE, "there is no item %lld", (long long)item);
    pick.n = (int)n;
    if (!err)
        err = give(prefs, &person, &pick, at, out);
    if (err == ERR_STATE)
        err = err_set(ERR_STATE, "this person has judged the item already");
    if (err || !order)
        return err;
    assign_row_places(places, order, pick.n);
    err =
        sql_do(prefs, "UPDATE assignment SET places = ?2 WHERE id = ?1", "it", out->id, places);
    return err ? err : prefs_assignment_read(prefs, out->id, 0, out);
}
