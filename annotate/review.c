/* A reviewer takes an item out of the queue, sees it as annotators do (an order of its own, no
 * models) and beside it what they said, as nobody's in particular; the decision is a judgement as
 * any, by the same route. So what a reviewer can do wrong, the store refuses as it does everyone's.
 */

#include "annotate/review.h"

#include "annotate/caller.h"
#include "annotate/shown.h"
#include "base/mem.h"
#include "prefs/judge.h"

#include <stdlib.h>
#include <string.h>

enum { QUEUE_SHOWN = 50, OPENING = 160 };

/* The beginning of a prompt's text, whole characters of it. */
static json_t *opening(const json_t *prompt)
{
    const json_t *last = json_array_get(prompt, json_array_size(prompt) - 1);
    const char *text =
        json_string_value(json_is_array(prompt) ? json_object_get(last, "content") : prompt);
    size_t n = text ? strlen(text) : 0;

    if (n > OPENING)
        for (n = OPENING; n && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    return json_stringn(text ? text : "", n);
}

/* The first fifty: who has decided them asks again. */
void review_queue(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    int64_t ids[QUEUE_SHOWN];
    size_t n = 0;
    json_t *list = json_array();
    enum err err = prefs_differing(caller->annotate->prefs, ids, QUEUE_SHOWN, &n);

    (void)request;
    for (size_t i = 0; i < n && i < QUEUE_SHOWN && !err; i++) {
        struct prefs_item item;

        err = prefs_item_read(caller->annotate->prefs, ids[i], &item);
        if (err)
            break;
        json_array_append_new(list, json_pack("{s:I, s:s, s:o, s:i}", "item",
                                              (json_int_t)ids[i], "mode", words_mode[item.mode],
                                              "prompt", opening(item.prompt), "judgements",
                                              item.planned + item.extra));
        prefs_item_free(&item);
    }
    if (!err) {
        caller_json(caller, 200, json_pack("{s:o, s:I}", "items", list, "n", (json_int_t)n));
        return;
    }
    json_decref(list);
    caller_error(caller, err);
}

struct review_heard {
    const struct prefs_assignment *shown;
    json_t *list;
};

static int place_of(const struct prefs_assignment *shown, int candidate)
{
    for (int i = 0; i < shown->n; i++)
        if (shown->order[i] == candidate)
            return i;
    return -1;
}

/* A ranking of candidates in the places of whoever looks now. */
static json_t *in_places(const json_t *ranking, const struct prefs_assignment *shown)
{
    json_t *out = json_array(), *level, *one, *list;
    size_t i, j;

    json_array_foreach(ranking, i, level)
    {
        json_array_append_new(out, list = json_array());
        json_array_foreach(level, j, one) json_array_append_new(
            list, json_integer(place_of(shown, (int)json_integer_value(one))));
    }
    return out;
}

/* Nobody's name, and no seat at the table: the words count, and a reviewer who knows whose they are
 * judges the person. */
static enum err hear(void *self, const struct prefs_row *row)
{
    struct review_heard *heard = self;
    json_t *one = json_pack("{s:s, s:i, s:s?}", "verdict", words_verdict[row->verdict],
                            "strength", row->strength, "reason", row->reason);

    if (!one)
        return OK;
    if (row->verdict == PREFS_CHOSEN)
        json_object_set_new(one, "place", json_integer(place_of(heard->shown, row->choice)));
    else if (row->verdict == PREFS_STEP)
        json_object_set_new(one, "step", json_integer(row->step));
    else if (row->verdict == PREFS_RANKING)
        json_object_set_new(one, "ranking", in_places(row->ranking, heard->shown));
    else if (row->verdict == PREFS_REWRITTEN)
        json_object_set_new(one, "text", shown_content(row->text));
    json_array_append_new(heard->list, one);
    return OK;
}

/* Taken, it is this reviewer's for the time of a lease; another one is told so. Who has judged the
 * item himself may decide it as well: in a team of two there is nobody else, and the history shows
 * both.
 */
void review_take(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    struct prefs *prefs = caller->annotate->prefs;
    const int64_t id = caller_number(caller, "item", 0);
    struct prefs_assignment a;
    struct prefs_item item;
    struct review_heard heard = {.shown = &a, .list = json_array()};
    const struct prefs_which which = {.item = id, .standing = true};
    enum err err = id ? prefs_item_read(prefs, id, &item)
                      : err_set(ERR_RANGE, "item: there is no such item");

    (void)request;
    if (err) {
        caller_error(caller, err);
        json_decref(heard.list);
        return;
    }
    err = prefs_adjudicate(prefs, caller->person.id, id, caller->now, &a);
    if (!err)
        err = prefs_visit(prefs, &which, hear, &heard);
    if (!err)
        err = caller_audit(caller, "adjudicate", item.key);
    if (!err)
        caller_json(caller, 200,
                    json_pack("{s:s, s:o, s:O, s:i}", "offer", "given", "assignment",
                              shown_assignment(&item, &a), "said", heard.list, "guideline",
                              a.guideline));
    else
        caller_error(caller, err);
    json_decref(heard.list);
    prefs_item_free(&item);
}
