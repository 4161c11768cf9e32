/* A turn: pairs that came become items, answers take rows out of the outbox, and where the newest
 * version has moved the order of items is made anew; one commit; then the run hears which pairs are
 * kept, and the outbox is laid down again. Nothing here waits for the fleet, and nothing of the fleet
 * is believed before the store has looked at it: what it refuses is told once, and passed over.
 *
 * A pair that the store can never take is acknowledged as well: it would come for ever, and the run
 * sends only so many at a time. */

#include "cli/annotate_fleet.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/say.h"
#include "follow/pairs.h"
#include "prefs/item.h"
#include "prefs/origin_order.h"
#include "prefs/outbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)PREFS_ID == (int)ID_BYTES, "names of a fleet are the store's");

struct annotate_fleet {
    const struct annotate_fleet_conf *conf;
    struct pairs *pairs;
    struct annotate_run told;
    struct pairs_state state;               /* as it was looked at last */
    struct pairs_pair *had[WINDOW_EXPORTS]; /* in the group that is not durable yet */
    size_t n_had;
    uint64_t max_age,
        ordered; /* of the run; the oldest version that is in time, as last ordered */
    bool has_age, is_ordered;
    struct prefs_outgoing out[WINDOW_JUDGEMENTS];
    size_t n_out;
    uint64_t changes; /* of the store, when the outbox was read */
    uint64_t
        strange[JUDGED_ANSWERS]; /* judgements that the run would not have, by its answer */
    bool late_told, refused_told, disk_told;
    const char *word; /* state that was told */
};

/* ---- pairs to items */

static json_t *prompt_of(const struct msg_export *said)
{
    return said->chat ? json_loads(said->prompt, 0, NULL) : json_string(said->prompt);
}

static struct prefs_origin origin_of(const struct pairs_pair *pair)
{
    const struct msg_export *const said = &pair->said;
    struct prefs_origin out = {.task = said->task,
                               .sample = {said->a.sample, said->b.sample},
                               .rollout = {said->a.hash, said->b.hash},
                               .version = said->version.number,
                               .image = said->version.hash,
                               .iteration = said->iteration};

    memcpy(out.run, pair->run.byte, PREFS_ID);
    memcpy(out.pair, said->pair.byte, PREFS_ID);
    return out;
}

static void hex(char out[2 * ID_BYTES + 1], const struct id *id)
{
    for (int i = 0; i < ID_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", id->byte[i]);
}

/* The key is the pair's name: the same pair is the same item, and another under its name is refused. */
static enum err add(struct prefs *prefs, const struct pairs_pair *pair, int64_t now)
{
    struct prefs_origin origin = origin_of(pair);
    char key[2 * ID_BYTES + 1];
    struct prefs_item item = {.key = key, .mode = PREFS_PAIR, .n = 2, .origin = &origin};
    int64_t id;
    enum err err;

    hex(key, &pair->said.pair);
    item.prompt = prompt_of(&pair->said);
    item.candidate[0].content = json_string(pair->said.a.text);
    item.candidate[1].content = json_string(pair->said.b.text);
    err = item.prompt ? prefs_item_add(prefs, &id, &item, now)
                      : err_set(ERR_RANGE, "its prompt is no list of messages");
    item.key = NULL;
    item.origin = NULL;
    prefs_item_free(&item);
    return err;
}

/* The store's own trouble is tried again; the pair's is told. */
static enum err keep(struct annotate_fleet *f, const struct pairs_pair *pair, int64_t now)
{
    char name[2 * ID_BYTES + 1];
    const enum err err = add(f->conf->prefs, pair, now);

    if (err != ERR_RANGE && err != ERR_STATE)
        return err;
    hex(name, &pair->said.pair);
    if (!f->refused_told)
        log_warn("pair",
                 "id=%s state=passed-over reason=\"%s\" next=\"others like it in silence\"",
                 name, err_text());
    f->refused_told = true;
    return OK;
}

/* Those that a refused commit took back are still here, before new ones. */
static enum err keep_all(struct annotate_fleet *f, int64_t now)
{
    enum err err = OK;

    for (size_t i = 0; i < f->n_had && !err; i++)
        err = keep(f, f->had[i], now);
    while (!err && f->n_had < WINDOW_EXPORTS) {
        struct pairs_pair *const pair = pairs_take(f->pairs);
        if (!pair)
            break;
        f->had[f->n_had++] = pair;
        f->max_age = pair->said.max_age;
        f->has_age = true;
        f->is_ordered = false; /* it has no place yet */
        err = keep(f, pair, now);
    }
    return err;
}

/* Behind the commit, and never before it. */
static void acknowledge(struct annotate_fleet *f)
{
    for (size_t i = 0; i < f->n_had; i++) {
        pairs_kept(f->pairs, f->had[i]);
        pairs_free(f->had[i]);
    }
    f->n_had = 0;
}

/* How old a pair may be is heard with the first one; until then they stay as they were. */
static enum err order(struct annotate_fleet *f)
{
    const uint64_t newest = f->state.newest;
    const uint64_t oldest = newest > f->max_age ? newest - f->max_age : 0;
    int64_t late = 0;
    enum err err;

    if (!f->has_age || (f->is_ordered && oldest == f->ordered))
        return OK;
    err = prefs_origin_order(f->conf->prefs, f->state.run.byte, oldest, &late);
    f->is_ordered = !err;
    f->ordered = oldest;
    if (!err && late && !f->late_told) {
        say(stderr,
            "%" PRId64 " pairs are older than the %" PRIu64
            " versions that the run learns from: they are kept, and offered last (said once)\n",
            late, f->max_age);
        f->late_told = true;
    }
    return err;
}

/* ---- judgements */

static struct id id_of(const uint8_t *bytes)
{
    struct id out;

    memcpy(out.byte, bytes, ID_BYTES);
    return out;
}

static struct msg_judgement said_of(const struct prefs_outgoing *out)
{
    struct msg_judgement said = {.id = id_of(out->id),
                                 .pair = id_of(out->origin.pair),
                                 .a = out->origin.rollout[0],
                                 .b = out->origin.rollout[1],
                                 .annotator = out->annotator};

    if (out->verdict == PREFS_UNDO)
        said.undo = id_of(out->undoes);
    else
        said.verdict = out->verdict == PREFS_TIE        ? VERDICT_TIE
                       : out->verdict == PREFS_BOTH_BAD ? VERDICT_BOTH_BAD
                       : out->choice                    ? VERDICT_B
                                                        : VERDICT_A;
    return said;
}

/* What the run would not have leaves the outbox too: it is told once for each reason, and stays in the
 * store like any other judgement. */
static void tell_strange(struct annotate_fleet *f, enum judged_answer answer)
{
    static const char *const words[JUDGED_ANSWERS] = {
        [JUDGED_UNKNOWN] = "it does not know the pair, or has nothing to take back",
        [JUDGED_OTHER] = "it has other answers under that name",
        [JUDGED_MANY] = "it keeps no more judgements of that pair"};

    if (answer == JUDGED_KEPT || answer >= JUDGED_ANSWERS || f->strange[answer]++)
        return;
    say(stderr, "the run would not have a judgement: %s; it stays in the store (said once)\n",
        words[answer]);
}

/* An answer stands in the list until a new one is laid down: to take its row out twice is fine. */
static enum err take_answers(struct annotate_fleet *f)
{
    struct id id[WINDOW_JUDGEMENTS];
    enum judged_answer answer[WINDOW_JUDGEMENTS];
    const size_t n = pairs_answered(f->pairs, id, answer);
    enum err err = OK;

    for (size_t i = 0; i < n && !err; i++)
        for (size_t j = 0; j < f->n_out && !err; j++)
            if (!memcmp(f->out[j].id, id[i].byte, ID_BYTES)) {
                err = prefs_outbox_done(f->conf->prefs, f->out[j].seq);
                tell_strange(f, answer[i]);
            }
    return err;
}

/* Only what is durable: the commit is behind us. */
static enum err lay_down(struct annotate_fleet *f)
{
    struct msg_judgement said[WINDOW_JUDGEMENTS];
    struct prefs_origin_count count;
    struct prefs *const prefs = f->conf->prefs;
    enum err err;

    if (!f->state.known || (f->changes == prefs_changes(prefs) && *f->told.name))
        return OK;
    err = prefs_outbox_read(prefs, f->state.run.byte, f->out, WINDOW_JUDGEMENTS, &f->n_out);
    if (!err)
        err = prefs_origin_count(prefs, f->state.run.byte, &count);
    if (err)
        return err;
    for (size_t i = 0; i < f->n_out; i++)
        said[i] = said_of(&f->out[i]);
    pairs_say(f->pairs, &f->state.run, said, f->n_out);
    f->changes = prefs_changes(prefs);
    hex(f->told.name, &f->state.run);
    f->told.pairs = count.pairs;
    f->told.waiting = count.waiting;
    f->told.late = count.late;
    f->told.outbox = count.outbox;
    f->told.others = count.others;
    return OK;
}

/* ---- what people are told */

static void tell_state(struct annotate_fleet *f)
{
    static const char *const words[][2] = {
        {"here", "is here: its pairs come to the page, judgements go back"},
        {"away", "does not answer: people judge on"},
        {"over", "is over: people judge on, and nobody learns from it"},
        {"busy", "has another annotator: pairs go to that one"},
        {"refused", "lets this annotator in no more: people judge on"}};
    const char *what = f->state.word;

    f->told.state = f->state.word;
    f->told.newest = f->state.newest;
    if (!strcmp(f->word, f->state.word))
        return;
    f->word = f->state.word;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i][0], f->state.word))
            what = words[i][1];
    say(stderr, "%s %.8s %s%s%s; %" PRId64 " judgements on their way\n",
        *f->told.name ? "run" : "the", *f->told.name ? f->told.name : "fleet", what,
        *f->state.why ? ": " : "", f->state.why, f->told.outbox);
}

/* Once, until it works again. */
static void tell_disk(struct annotate_fleet *f, enum err err)
{
    if (err && !f->disk_told)
        log_error("store", "failed=\"%s\" next=\"tried again; the run waits for nothing\"",
                  err_text());
    f->disk_told = err != OK;
}

void annotate_fleet_turn(struct annotate_fleet *f, int64_t now)
{
    struct id before = f->state.run;
    enum err err;

    pairs_look(f->pairs, &f->state);
    if (memcmp(before.byte, f->state.run.byte, ID_BYTES) != 0) {
        f->has_age = f->is_ordered = false;
        *f->told.name = 0;
        f->n_out =
            0; /* what the former run answers from here on is asked of it again, some day */
    }
    err = keep_all(f, now);
    if (!err)
        err = take_answers(f);
    if (!err)
        err = order(f);
    if (!err)
        err = prefs_commit(f->conf->prefs);
    if (!err) {
        acknowledge(f);
        err = lay_down(f);
    } else {
        prefs_abandon(f->conf->prefs);
        f->is_ordered = false;
    }
    tell_disk(f, err);
    tell_state(f);
}

const struct annotate_run *annotate_fleet_told(const struct annotate_fleet *f)
{
    return &f->told;
}

static enum err compute(void *self, struct pairs *pairs)
{
    struct annotate_fleet *f = self;

    struct prefs_origin_count count;
    enum err err = prefs_origin_count(f->conf->prefs, f->state.run.byte, &count);

    if (err)
        return err;
    f->pairs = pairs;
    f->told.state = f->word = "joining";
    f->told.outbox = count.others; /* of whatever run it will be */
    return f->conf->serve(f->conf->self, f, pairs_end(pairs));
}

enum err annotate_fleet_run(const struct annotate_fleet_conf *conf)
{
    struct annotate_fleet *f = mem_new(1, sizeof *f);
    struct endpoint *at = mem_new(1, sizeof *at);
    struct pairs_conf pairs = {conf->fleet->broker, conf->fleet->key, conf->ticket_file,
                               compute, f};
    enum err err = OK;

    f->conf = conf;
    if (!*pairs.broker && !*pairs.ticket_file) {
        err = endpoint_read(at, conf->fleet->run);
        curve_wipe(&at->keys);
        pairs.broker = at->control;
        pairs.key = at->annotator_path;
    }
    if (!err)
        err = pairs_run(&pairs);
    for (size_t i = 0; i < f->n_had; i++)
        pairs_free(f->had[i]);
    free(at);
    free(f);
    return err;
}
