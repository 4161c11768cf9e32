/* The records of the direct methods: a prompt and one answer with a label, or two answers. */
#include "learner/corpus/corpus_answers.h"

#include "base/mem.h"
#include "data/dialogue.h"
#include "data/example.h"
#include "lm/text/reading.h"

#include <stdlib.h>
#include <string.h>

enum { UNPAIR_ROWS = 1000 }; /* TRL maps batches of so many rows */

/* Token ids of prompt and answer, and which of them the method learns. */
struct answers_side {
    struct encoded ids;
    uint8_t *said; /* [ids.n] 1 where the assistant speaks; NULL: everything is learnt */
};

static void side_free(struct answers_side *side)
{
    encoded_free(&side->ids);
    free(side->said);
}

/* The end token is put behind an answer that does not end with it, as TRL does, or the model
 * would never learn to stop. */
static enum err side_read(struct answers_side *out, const struct corpus_rule *rule,
                          const struct example *e, const json_t *answer)
{
    json_t *ended = reading_ended(answer, rule->eos), *all;
    enum err err = encode_pair(&rule->encode, e->prompt, ended, e->tools, &out->ids);

    json_decref(ended);
    if (err || !rule->assistant_only)
        return err;
    if (!json_is_array(answer))
        return err_set(ERR_PARSE, "assistant_only_loss: needs conversations");
    out->said = mem_new((size_t)out->ids.n + 1, 1);
    all = dialogue_join(e->prompt, answer);
    err = corpus_said(rule, all, e->tools, out->said, (size_t)out->ids.n);
    json_decref(all);
    return err ? err_add("assistant_only_loss") : OK;
}

static int shorter(int n, int limit)
{
    return limit && n > limit ? limit : n;
}

/* Whether anything of tokens start..n would be learnt. */
static bool teaches(const struct answers_side *side, int start, int n)
{
    int i = start > 1 ? start : 1;

    while (i < n && side->said && !side->said[i])
        i++;
    return i < n;
}

/* One sequence of a record, its answer learnt; `skip` of its tokens stand elsewhere. */
static enum err put(struct corpus *c, int which, const struct answers_side *side, int n,
                    int start, int skip, uint8_t prompt)
{
    uint8_t *learn = mem_new((size_t)n + 1, 1);
    enum err err;

    for (int i = 0; i < n; i++)
        learn[i] = i < start ? prompt : !side->said || side->said[i];
    err = corpus_append(c, which, side->ids.ids + skip, (size_t)(n - skip), learn + skip,
                        skip > 0);
    free(learn);
    return err;
}

/* Where the letters of prompt and answer merge into one token the two answers may begin at
 * different places; from the smaller on both are learnt, as in TRL. */
static enum err put_pair(struct corpus *c, const struct corpus_rule *rule,
                         const struct example *e, const struct answers_side *chosen,
                         const struct answers_side *rejected)
{
    const int start =
        chosen->ids.start < rejected->ids.start ? chosen->ids.start : rejected->ids.start;
    const int n_c = shorter(chosen->ids.n, rule->max_length);
    const int n_r = shorter(rejected->ids.n, rule->max_length);
    const int skip = rule->share ? start : 0;
    enum err err;

    /* A prompt that fills max_length leaves no answer to compare. */
    if (!teaches(chosen, start, n_c) || !teaches(rejected, start, n_r)) {
        c->dropped++;
        return OK;
    }
    c->cut += n_c < chosen->ids.n || n_r < rejected->ids.n;
    err = put(c, 0, chosen, n_c, start, 0, rule->prompt_too ? 2 : 0);
    if (!err)
        err = put(c, 1, rejected, n_r, start, skip, 0);
    if (err)
        return err;
    c->shared_prefix[c->n] = (uint32_t)skip;
    c->weight[c->n] = (float)e->weight;
    c->soft[c->n] = (float)e->soft;
    corpus_close(c);
    c->longer += n_c > n_r;
    c->shorter += n_c < n_r;
    return OK;
}

/* A loss without soft labels must refuse them rather than take a tie for a victory. */
static enum err add_preference(struct corpus *c, const struct corpus_rule *rule,
                               struct example *e)
{
    struct answers_side chosen = {.said = NULL}, rejected = {.said = NULL};
    enum err err = example_check_settle(e);

    if (!err && rule->hard && (e->soft < 1 || e->weight != 1))
        err = err_set(ERR_PARSE, "'soft_label', 'tie' or 'weight': this loss_type takes none");
    if (!err)
        err = side_read(&chosen, rule, e, e->chosen);
    if (!err)
        err = side_read(&rejected, rule, e, e->rejected);
    if (!err)
        err = put_pair(c, rule, e, &chosen, &rejected);
    side_free(&chosen);
    side_free(&rejected);
    return err;
}

/* The answer as it is before it is cut, for another prompt. */
static void keep_whole(struct corpus *c, const struct answers_side *side)
{
    struct corpus_whole *w = &c->whole;
    const size_t start = (size_t)side->ids.start, n = (size_t)side->ids.n - start;
    const size_t at = c->n ? w->at[c->n] : 0;

    w->at = mem_grow(w->at, c->room_records + 1, sizeof(*w->at));
    w->prompt = mem_grow(w->prompt, c->room_records, sizeof(*w->prompt));
    if (at + n > c->room_answers) {
        const size_t room = 2 * (at + n) + 4096;
        w->token = mem_grow(w->token, room, sizeof(*w->token));
        w->learn = mem_grow(w->learn, room, 1);
        c->room_answers = room;
    }
    w->at[c->n] = at;
    w->at[c->n + 1] = at + n;
    w->prompt[c->n] = (uint32_t)start;
    memcpy(w->token + at, side->ids.ids + start, n * sizeof(*w->token));
    for (size_t i = 0; i < n; i++)
        w->learn[at + i] = !side->said || side->said[start + i];
}

/* The whole answer is kept aside before it is cut, for KTO's mismatched pairs: there it
 * stands behind another prompt, and is cut with that. */
static enum err put_labelled(struct corpus *c, const struct corpus_rule *rule,
                             const struct example *e, const json_t *answer, bool label)
{
    struct answers_side side = {.said = NULL};
    enum err err = side_read(&side, rule, e, answer);
    const int n = shorter(side.ids.n, rule->max_length);

    if (!err && !teaches(&side, side.ids.start, n)) {
        c->dropped++;
    } else if (!err) {
        c->cut += n < side.ids.n;
        err = put(c, 0, &side, n, side.ids.start, 0, 0);
        if (!err && rule->block)
            keep_whole(c, &side);
        if (!err) {
            c->label[c->n] = label;
            c->weight[c->n] = (float)e->weight;
            corpus_close(c);
        }
    }
    side_free(&side);
    return err;
}

/* Of a pair, the answer that `turn` asks for: 0 the chosen, 1 the rejected. */
static enum err add_labelled(struct corpus *c, const struct corpus_rule *rule,
                             struct example *e, int turn)
{
    enum err err;

    if (e->kind == KIND_UNPAIRED) {
        if (turn)
            return OK;
        err = example_check_filled(e);
        return err ? err : put_labelled(c, rule, e, e->completion, e->label);
    }
    if (e->soft < 1)
        return err_set(ERR_PARSE, "'soft_label' or 'tie': a single answer is good or not");
    err = example_check_settle(e);
    return err ? err : put_labelled(c, rule, e, turn ? e->rejected : e->chosen, !turn);
}

/* Row i; in the second turn bad records were counted already. */
static enum err add_row(struct corpus *c, const struct dataset *set, size_t i,
                        const struct corpus_rule *rule, bool pairs, int turn)
{
    const struct example_rule how = {pairs ? RECORD_FOR_PAIRS : RECORD_FOR_LABELS,
                                     rule->text_field, rule->hh, turn ? NULL : rule->unused};
    struct example e;
    enum err err = dataset_example(&e, set, i, &how);

    if (!err) {
        struct corpus_rule own = *rule;
        json_t *kwargs = corpus_kwargs(rule, &e);
        if (kwargs) /* this record's template says more, or something else */
            own.encode.kwargs = kwargs;
        err = pairs ? add_preference(c, &own, &e) : add_labelled(c, &own, &e, turn);
        json_decref(kwargs);
        example_free(&e);
    }
    if (err == ERR_PARSE && !rule->strict) {
        if (!turn)
            dataset_left_out(set, i, &c->skipped);
        return OK;
    }
    return err ? dataset_at(set, i) : OK;
}

/* Answers rotated by one inside blocks of neighbours (TRL's kto_trainer.py). */
static void rotate(struct corpus *c, size_t block)
{
    c->partner = mem_new(c->n, sizeof(*c->partner));
    for (size_t i = 0; i < c->n; i++) {
        const size_t first = i / block * block;
        const size_t last = first + block < c->n ? first + block - 1 : c->n - 1;
        c->partner[i] = (uint32_t)(i == first ? last : i - 1);
    }
}

static enum err make(struct corpus **out, const struct dataset *set,
                     const struct corpus_rule *rule, bool pairs, const char *what)
{
    struct corpus *c = corpus_new(rule, pairs ? 2 : 1);
    enum err err = OK;

    c->longest = rule->max_length;
    for (size_t from = 0; from < set->n && !err; from += UNPAIR_ROWS) {
        const size_t to = from + UNPAIR_ROWS < set->n ? from + UNPAIR_ROWS : set->n;
        /* Labelled pairs are read twice, once for each answer, so that the order of records
         * is that of TRL's unpairing. */
        for (int turn = 0; turn < (pairs ? 1 : 2) && !err; turn++)
            for (size_t i = from; i < to && !err; i++)
                err = add_row(c, set, i, rule, pairs, turn);
    }
    err = corpus_end(out, c, err, set, rule, what);
    if (!err && rule->block)
        rotate(*out, (size_t)rule->block);
    return err;
}

enum err corpus_answers_pairs(struct corpus **out, const struct dataset *set,
                              const struct corpus_rule *rule, const char *what)
{
    return make(out, set, rule, true, what);
}

enum err corpus_answers_labelled(struct corpus **out, const struct dataset *set,
                                 const struct corpus_rule *rule, const char *what)
{
    return make(out, set, rule, false, what);
}
