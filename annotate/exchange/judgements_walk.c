/* Item by item, because what is said of a judgement is partly its item's: the prompt that it
 * shares with others, how long the two answers are, what is right. Nothing stays open between two
 * items, so that who walks may do something else meanwhile (annotate/figures.c). */

#include "annotate/exchange/judgements_walk.h"

#include "base/mem.h"
#include "data/record_text.h"
#include "prefs/item.h"
#include "prefs/judge.h"
#include "prefs/people.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"0", "1"};

struct judgements_walk {
    struct prefs *prefs;
    enum err (*take)(void *self, const struct judgements_said *said);
    void *self;
    json_t *people; /* {id: name} of those who had a row */
    int64_t at;     /* the number of the item that was last */
    size_t other;
    const char *item; /* its key */
    char prompt[HASH_TEXT];
    const char *gold;
    double length[2];
};

/* ---- what the item says */

/* As people see them, not bytes: a taste for length must not be one for alphabets. */
static double characters(const json_t *content)
{
    char *const text = record_text_words(content);
    double n = 0;

    for (const char *p = text; p && *p; p++)
        n += ((unsigned char)*p & 0xc0) != 0x80; /* all but what goes on with a character */
    free(text);
    return n;
}

/* A prompt goes by its hash: it is only to tell which items belong together. */
static void take_item(struct judgements_walk *t, const struct prefs_item *item)
{
    struct prefs_judgement gold;

    t->item = item->key;
    t->gold = NULL;
    if (item->gold && !prefs_verdict_read(item->gold, item->mode, item->n, &gold))
        t->gold =
            gold.verdict == PREFS_CHOSEN ? names[gold.choice] : words_verdict[gold.verdict];
    *t->prompt = 0;
    if (item->prompt) {
        const struct hash hash = record_text_hash(item->prompt);
        hash_text(t->prompt, &hash);
    }
    for (int i = 0; i < 2; i++)
        t->length[i] = characters(item->candidate[i].content);
}

/* ---- rows */

/* Read once each, when the first row of somebody comes: a person's row counts what he did. */
static enum err name_of(struct judgements_walk *t, int64_t id, const char **out)
{
    struct prefs_person person;
    char key[24], pseudonym[PREFS_PSEUDONYM];
    enum err err = OK;

    snprintf(key, sizeof key, "%lld", (long long)id);
    if (!json_object_get(t->people, key)) {
        err = prefs_person_read(t->prefs, id, &person);
        prefs_pseudonym(t->prefs, id, pseudonym);
        json_object_set_new(t->people, key,
                            json_string(!err && *person.name ? person.name : pseudonym));
    }
    *out = json_string_value(json_object_get(t->people, key));
    return err;
}

/* What every row of the item has, judged or not. */
static struct judgements_said said_of(const struct judgements_walk *t, const char *item,
                                      const struct prefs_assignment *it)
{
    return (struct judgements_said){.item = item,
                                    .a = names[0],
                                    .b = names[1],
                                    .prompt = *t->prompt ? t->prompt : NULL,
                                    .gold = t->gold,
                                    .time = it->given,
                                    .seconds = NAN,
                                    .length_a = t->length[0],
                                    .length_b = t->length[1]};
}

/* Who and why are the assignment's, whatever became of it. */
static enum err tell(struct judgements_walk *t, struct judgements_said *said,
                     const struct prefs_assignment *it)
{
    char *const why = it->why == PREFS_ACTIVE ? mem_print("active:%s", it->active)
                                              : mem_text(words_why[it->why]);
    enum err err = name_of(t, it->annotator, &said->annotator);

    said->why = why;
    if (!err)
        err = t->take(t->self, said);
    free(why);
    return err;
}

/* Repeats, gold and decisions go along: `why` tells them, and who estimates leaves them out. */
static enum err tell_row(void *self, const struct prefs_row *row)
{
    struct judgements_walk *const t = self;
    struct judgements_said said = said_of(t, row->item, &row->assignment);

    if (row->verdict > PREFS_BOTH_BAD && row->verdict != PREFS_SKIP)
        return OK; /* an undo says nothing itself; what was dropped is gone */
    said.value =
        row->verdict == PREFS_CHOSEN ? names[row->choice & 1] : words_verdict[row->verdict];
    said.time = row->at;
    said.seconds = row->shown_ms ? (double)row->shown_ms / 1000 : NAN;
    said.side = row->side < 0 ? SIDE_NONE : row->side ? SIDE_RIGHT : SIDE_LEFT;
    said.undone = row->taken_back;
    return tell(t, &said, &row->assignment);
}

/* Rankings, steps and rewrites: what was said of them is no choice of two. */
static enum err count_row(void *self, const struct prefs_row *row)
{
    struct judgements_walk *const t = self;

    t->other += row->stands;
    return OK;
}

/* A skip ends the asking; who has the item open has not answered yet. */
static enum err tell_open(void *self, const struct prefs_assignment *it)
{
    struct judgements_walk *const t = self;
    struct judgements_said said = said_of(t, t->item, it);

    return tell(t, &said, it);
}

/* A withdrawn item is no part of the plan any more; its judgements are nobody's sample. */
static enum err each(struct judgements_walk *t, const struct prefs_item *item)
{
    const struct prefs_which which = {.item = item->id};
    enum err err;

    if (item->mode != PREFS_PAIR && item->mode != PREFS_TRAJECTORY)
        return prefs_visit(t->prefs, &which, count_row, t);
    if (item->withdrawn)
        return OK;
    take_item(t, item);
    err = prefs_visit(t->prefs, &which, tell_row, t);
    return err ? err : prefs_open_visit(t->prefs, item->id, tell_open, t);
}

struct judgements_walk *
judgements_walk_new(struct prefs *prefs,
                    enum err (*take)(void *self, const struct judgements_said *said),
                    void *self)
{
    struct judgements_walk *walk = mem_new(1, sizeof *walk);

    walk->prefs = prefs;
    walk->people = json_object();
    walk->take = take;
    walk->self = self;
    return walk;
}

enum err judgements_walk_on(struct judgements_walk *walk, bool *more)
{
    struct prefs_item item;
    enum err err = prefs_item_after(walk->prefs, walk->at, &item);

    *more = false;
    if (err || !item.id)
        return err;
    *more = true;
    walk->at = item.id;
    err = each(walk, &item);
    prefs_item_free(&item);
    return err;
}

size_t judgements_walk_other(const struct judgements_walk *walk)
{
    return walk->other;
}

void judgements_walk_free(struct judgements_walk *walk)
{
    if (!walk)
        return;
    json_decref(walk->people);
    free(walk);
}
