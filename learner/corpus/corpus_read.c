/* Texts and conversations become sequences, one record after another in the data set's order.
 *
 * What is learnt of a sequence is settled here, token by token: the completion, what the assistant
 * says, or all of it. Packing works on blocks of as many records as TRL's map hands over at once,
 * so the rows are TRL's; corpus_bins_close is called at the end of each. A bad record ends the run
 * where rule->strict asks for that, else it is counted and left out. */
#include "learner/corpus/corpus_read.h"

#include "base/mem.h"
#include "data/dialogue.h"
#include "data/example.h"
#include "learner/corpus/corpus_bins.h"
#include "lm/text/reading.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static enum err ids_of(const struct example *e, int vocab, struct encoded *out)
{
    const size_t n = json_array_size(e->text);

    out->ids = mem_new(n, sizeof(*out->ids));
    out->n = (int)n;
    for (size_t i = 0; i < n; i++) {
        const json_int_t id = json_integer_value(json_array_get(e->text, i));
        if (id < 0 || id >= vocab)
            return err_set(ERR_RANGE, "'input_ids'[%zu]: %lld is not below the vocabulary's %d",
                           i, (long long)id, vocab);
        out->ids[i] = (int)id;
    }
    return OK;
}

/* Texts, prompts with completions and conversations end as ids and the place where learning
 * begins. */
static enum err encode_one(const struct corpus_rule *rule, const struct example *e,
                           struct encoded *out)
{
    json_t *last;
    enum err err;

    if (e->kind == KIND_TOKENS)
        return ids_of(e, rule->vocab, out);
    last = reading_ended(e->kind == KIND_COMPLETION ? e->completion : e->text, rule->eos);
    if (e->kind == KIND_COMPLETION)
        err = encode_pair(&rule->encode, e->prompt, last, e->tools, out);
    else
        err = encode_whole(&rule->encode, last, e->tools, out);
    json_decref(last);
    return err;
}

/* learn [n] out: completion and assistant masks, both must agree. */
static enum err masks(const struct corpus_rule *rule, const struct example *e,
                      const struct encoded *ids, uint8_t *learn)
{
    const bool completion = rule->completion_only != 0;
    uint8_t *said;
    json_t *all;
    enum err err;

    for (int i = 0; i < ids->n; i++) {
        learn[i] = 1;
        if (completion && e->kind == KIND_COMPLETION)
            learn[i] = i >= ids->start;
        if (completion && e->mask)
            learn[i] = json_integer_value(json_array_get(e->mask, (size_t)i)) != 0;
    }
    if (!rule->assistant_only)
        return OK;
    if (!e->chat)
        return err_set(ERR_PARSE, "assistant_only_loss: needs conversations");
    all = e->kind == KIND_COMPLETION ? dialogue_join(e->prompt, e->completion)
                                     : json_incref(e->text);
    said = mem_new((size_t)ids->n + 1, 1);
    err = corpus_said(rule, all, e->tools, said, (size_t)ids->n);
    if (err)
        err = err_add("assistant_only_loss");
    for (int i = 0; i < ids->n; i++)
        learn[i] = learn[i] && said[i];
    free(said);
    json_decref(all);
    return err;
}

/* Whether a long record goes on in another row. */
static bool divides(const struct corpus_rule *rule)
{
    return rule->packing == CORPUS_BFD_SPLIT || rule->packing == CORPUS_WRAPPED;
}

/* With packing a record of which nothing is learnt stays: it takes its place in a row, as in
 * TRL. */
static enum err add_sft(struct corpus *c, const struct corpus_rule *rule,
                        const struct example *e)
{
    struct encoded ids = {0};
    enum err err = example_check_filled(e);

    if (!err)
        err = encode_one(rule, e, &ids);
    uint8_t *learn = mem_new((size_t)ids.n + 1, 1);
    bool any = false;
    int n = ids.n;

    if (!err)
        err = masks(rule, e, &ids, learn);
    if (!err && rule->max_length && n > rule->max_length && !divides(rule)) {
        n = rule->max_length;
        c->cut++;
    }
    for (int i = 1; i < n; i++)
        any = any || learn[i];
    if (!err && n && (any || rule->packing)) {
        err = corpus_append(c, 0, ids.ids, (size_t)n, learn, divides(rule));
        if (!err)
            corpus_close(c);
    } else if (!err) {
        c->dropped++;
    }
    free(learn);
    encoded_free(&ids);
    return err;
}

/* What a reward model reads of an answer. */
static enum err side(const struct corpus_rule *rule, const struct example *e,
                     const json_t *answer, struct encoded *out)
{
    json_t *all = dialogue_join(e->prompt, answer);
    const enum err err = reading_answer(&rule->encode, rule->eos, all, e->tools, true, out);

    json_decref(all);
    return err;
}

/* Both answers behind the same prompt, each a whole sequence: a reward model's number is
 * read at the end of each. */
static enum err add_pair(struct corpus *c, const struct corpus_rule *rule,
                         const struct example *e)
{
    struct encoded chosen = {0}, rejected = {0};
    enum err err = example_check_filled(e);

    if (err)
        return err;
    if ((err = side(rule, e, e->chosen, &chosen)))
        err = err_add("'chosen'");
    else if ((err = side(rule, e, e->rejected, &rejected)))
        err = err_add("'rejected'");
    /* TRL's rule for reward models: a pair that is cut would be judged by half an answer. */
    else if (rule->max_length && (chosen.n > rule->max_length || rejected.n > rule->max_length))
        c->dropped++;
    else {
        err = corpus_append(c, 0, chosen.ids, (size_t)chosen.n, NULL, false);
        if (!err)
            err = corpus_append(c, 1, rejected.ids, (size_t)rejected.n, NULL, false);
        if (!err) {
            if (e->has_margin)
                c->margin[c->n] = (float)e->margin;
            corpus_close(c);
            c->longer += chosen.n > rejected.n;
            c->shorter += chosen.n < rejected.n;
        }
    }
    encoded_free(&chosen);
    encoded_free(&rejected);
    return err;
}

/* One reader of a row; fill calls it for each, and settles what a bad row means. */
typedef enum err adder(struct corpus *, const struct corpus_rule *, const struct example *);

static enum err fill(struct corpus *c, const struct dataset *set,
                     const struct corpus_rule *rule, enum record_want want, adder *add)
{
    const struct example_rule how = {want, rule->text_field, rule->hh, rule->unused};

    size_t first = 0; /* record of this block of the data set */

    for (size_t i = 0; i < set->n; i++) {
        struct example e;
        enum err err = dataset_example(&e, set, i, &how);
        if (!err) {
            struct corpus_rule own = *rule;
            json_t *kwargs = corpus_kwargs(rule, &e);
            if (kwargs)
                own.encode.kwargs = kwargs;
            err = add(c, &own, &e);
            json_decref(kwargs);
            example_free(&e);
        }
        if (err == ERR_PARSE && !rule->strict)
            dataset_left_out(set, i, &c->skipped);
        else if (err)
            return dataset_at(set, i);
        /* TRL packs what datasets.map hands over at once, and its last, smaller block. */
        if ((i + 1) % CORPUS_BINS_BLOCK && i + 1 < set->n)
            continue;
        err = corpus_bins_close(c, first, rule);
        if (err)
            return err;
        first = c->n;
    }
    return OK;
}

/* Pairs have two sequences a record, texts one. */
static enum err make(struct corpus **out, const struct dataset *set,
                     const struct corpus_rule *rule, int group, const char *what)
{
    struct corpus *c = corpus_new(rule, group);
    enum err err;

    err = fill(c, set, rule, group == 2 ? RECORD_FOR_PAIRS : RECORD_FOR_SFT,
               group == 2 ? add_pair : add_sft);
    return corpus_end(out, c, err, set, rule, what);
}

enum err corpus_read_sft(struct corpus **out, const struct dataset *set,
                         const struct corpus_rule *rule, const char *what)
{
    return make(out, set, rule, 1, what);
}

enum err corpus_read_pairs(struct corpus **out, const struct dataset *set,
                           const struct corpus_rule *rule, const char *what)
{
    return make(out, set, rule, 2, what);
}
