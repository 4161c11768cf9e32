/* What is open for somebody comes again until it is judged, skipped or given back: a reload, a
 * second tab, a lost answer all show the same item with the same sides. A judgement names its
 * assignment and an id that the page made: sent twice it is one; from two tabs, the second is
 * told that it is judged already, and shows the next. */

#include "annotate/work.h"

#include "annotate/caller.h"
#include "annotate/said.h"
#include "annotate/shown.h"
#include "prefs/judge.h"

#include <string.h>

enum { LEFT_MS = 60000 };

static const char *const offers[] = {[PREFS_GIVEN] = "given",
                                     [PREFS_FINISHED] = "finished",
                                     [PREFS_LATER] = "later",
                                     [PREFS_ON_PAUSE] = "paused",
                                     [PREFS_ON_HOLD] = "held"};

/* How far this person is; nobody else's figures, and no pace. What is left is counted over all items,
 * which a judgement does not wait for: now and then, and by what was done since in between, each
 * alike (prefs/ahead.c). */
static json_t *progress(struct caller *caller)
{
    struct annotate *a = caller->annotate;
    struct state_left *known = &a->left[(uint64_t)caller->person.id % STATE_LEFT];
    struct prefs_person person;
    int64_t left, done;

    if (prefs_person_read(a->prefs, caller->person.id, &person))
        return json_null();
    done = person.judged + person.skipped;
    if (known->person != person.id || caller->now - known->at > LEFT_MS ||
        caller->now < known->at) {
        if (prefs_ahead(a->prefs, person.id, &known->left))
            return json_null();
        known->person = person.id;
        known->at = caller->now;
        known->done = done;
    }
    left = known->left - (done - known->done);
    return json_pack("{s:I, s:I}", "done", (json_int_t)person.judged, "left",
                     (json_int_t)(left > 0 ? left : 0));
}

/* The item is read after it was given: a turn that fails takes both back, and the next request gets
 * the same again. The guideline's number is the one that was the newest when it was given.
 */
static void answer_item(struct caller *caller, const struct prefs_assignment *a)
{
    struct prefs_item item;
    const enum err err = prefs_item_read(caller->annotate->prefs, a->item, &item);

    if (err) {
        caller_error(caller, err);
        return;
    }
    caller_json(caller, 200,
                json_pack("{s:s, s:o, s:o, s:i}", "offer", offers[PREFS_GIVEN], "assignment",
                          shown_assignment(&item, a), "progress", progress(caller), "guideline",
                          a->guideline));
    prefs_item_free(&item);
}

/* Different reasons for nothing, since people ask: all done, some of it with others now, own pause, an
 * admin's. */
void work_next(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    const struct annotate_run *const run = caller->annotate->conf.run;
    struct prefs_assignment a;
    enum prefs_offer offer;
    const enum err err =
        prefs_next(caller->annotate->prefs, caller->person.id, caller->now, &offer, &a);

    (void)request;
    if (err)
        caller_error(caller, err);
    else if (offer == PREFS_GIVEN)
        answer_item(caller, &a);
    else
        caller_json(caller, 200,
                    json_pack("{s:s, s:o, s:s*}", "offer", offers[offer], "progress",
                              progress(caller), "run", run ? run->state : NULL));
}

/* The assignment that the body names: the caller's own, or it is not there. */
static bool own_assignment(struct caller *caller, struct prefs_assignment *out)
{
    const int64_t id = caller_number(caller, "assignment", 0);
    const enum err err =
        prefs_assignment_read(caller->annotate->prefs, id, caller->person.id, out);

    if (err)
        caller_error(caller, err);
    return !err;
}

/* A value that cannot be is the page's fault, and not something that is not there. */
static void refuse_value(struct caller *caller, enum err err)
{
    if (err == ERR_RANGE)
        caller_refuse(caller, 400, err_text());
    else
        caller_error(caller, err);
}

/* "saved" is said here and heard only after the turn's commit: annotate.c replaces the answer when
 * that fails. */
void work_judge(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    struct prefs_assignment a;
    struct prefs_judgement judgement;
    json_t *own = NULL;
    bool again = false;
    enum err err;

    (void)request;
    if (!own_assignment(caller, &a))
        return;
    err = said_read(caller->body, &a, &judgement, &own);
    if (!err)
        err = prefs_judge(caller->annotate->prefs, &judgement, caller->now, &again);
    if (err)
        refuse_value(caller, err);
    else
        caller_json(caller, 200,
                    json_pack("{s:b, s:b, s:o}", "saved", true, "again", again, "progress",
                              progress(caller)));
    json_decref(own);
}

/* Undo has an id as a judgement has: an undo whose answer was lost, sent again, does not take back one
 * more. */
void work_undo(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    const char *id = caller_text(caller, "id");
    struct prefs_assignment a;
    enum err err;

    (void)request;
    err = id ? prefs_undo(caller->annotate->prefs, id, caller->person.id, caller->now, &a, NULL)
             : err_set(ERR_PARSE, "id: is missing");
    if (err)
        refuse_value(caller, err);
    else
        answer_item(caller, &a);
}

/* Somebody is still there. A lease that is over is no disaster: the judgement is taken all the same,
 * and the item has perhaps one more than planned. */
void work_extend(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    int64_t expires = 0;
    const enum err err =
        prefs_extend(caller->annotate->prefs, caller_number(caller, "assignment", 0),
                     caller->person.id, caller->now, &expires);

    (void)request;
    if (err)
        caller_error(caller, err);
    else
        caller_json(caller, 200, json_pack("{s:I}", "expires", (json_int_t)expires));
}

void work_return(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    const enum err err =
        prefs_return(caller->annotate->prefs, caller_number(caller, "assignment", 0),
                     caller->person.id, caller->now);

    (void)request;
    if (err)
        caller_error(caller, err);
    else
        caller_ok(caller);
}
