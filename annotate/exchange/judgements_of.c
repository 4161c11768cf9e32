/* Item by item, because what is said of a judgement is partly its item's: the prompt that it
 * shares with others, how long the two answers are, what is right. */

#include "annotate/exchange/judgements_of.h"

#include "base/mem.h"
#include "base/say.h"
#include "data/record_text.h"
#include "prefs/item.h"
#include "prefs/judge.h"
#include "prefs/people.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"0", "1"};

struct telling {
    struct judgements *out;
    struct prefs *prefs;
    json_t *people; /* {id: name} */
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
static void take_item(struct telling *t, const struct prefs_item *item)
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

/* Names are read once: a person's row counts what he did. */
static enum err keep_name(void *self, const struct prefs_person *person)
{
    struct telling *const t = self;
    char id[24], pseudonym[PREFS_PSEUDONYM];

    snprintf(id, sizeof id, "%lld", (long long)person->id);
    prefs_pseudonym(t->prefs, person->id, pseudonym);
    json_object_set_new(t->people, id, json_string(*person->name ? person->name : pseudonym));
    return OK;
}

/* What every row of the item has, judged or not. */
static struct judgements_said said_of(const struct telling *t, const char *item,
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
static enum err tell(struct telling *t, struct judgements_said *said,
                     const struct prefs_assignment *it)
{
    char id[24];
    char *const why = it->why == PREFS_ACTIVE ? mem_print("active:%s", it->active)
                                              : mem_text(words_why[it->why]);
    enum err err;

    snprintf(id, sizeof id, "%lld", (long long)it->annotator);
    said->annotator = json_string_value(json_object_get(t->people, id));
    said->why = why;
    err = judgements_add(t->out, said);
    free(why);
    return err;
}

/* Repeats, gold and decisions go along: `why` tells them, and who estimates leaves them out. */
static enum err tell_row(void *self, const struct prefs_row *row)
{
    struct telling *const t = self;
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
    struct telling *const t = self;

    t->other += row->stands;
    return OK;
}

/* A skip ends the asking; who has the item open has not answered yet. */
static enum err tell_open(void *self, const struct prefs_assignment *it)
{
    struct telling *const t = self;
    struct judgements_said said = said_of(t, t->item, it);

    return tell(t, &said, it);
}

/* A withdrawn item is no part of the plan any more; its judgements are nobody's sample. */
static enum err each(void *self, const struct prefs_item *item)
{
    struct telling *const t = self;
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

enum err judgements_of(struct judgements *out, struct prefs *prefs, size_t *other)
{
    struct telling t = {.out = out, .prefs = prefs, .people = json_object()};
    enum err err = prefs_person_visit(prefs, keep_name, &t);

    if (!err)
        err = prefs_item_visit(prefs, each, &t);
    if (other)
        *other = t.other;
    json_decref(t.people);
    return err;
}

enum err judgements_of_file(struct judgements *out, const char *path)
{
    struct prefs *prefs;
    size_t other = 0;
    enum err err = prefs_open(&prefs, path, PREFS_READ);

    if (err)
        return err;
    err = judgements_of(out, prefs, &other);
    prefs_close(prefs);
    if (!err && other)
        say(stderr,
            "agreement: %s: %zu judgements of rankings, steps and rewrites are no pairs\n",
            path, other);
    return err ? err : judgements_end(out);
}
