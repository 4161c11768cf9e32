/* How: names, prompts and judges become numbers at first sight. Names are few and kept; of prompts
 * and judges, which may be many and long, a table holds 128 bits of a hash each. votes_end sorts
 * the names and renumbers. */

#include "ratings/votes.h"

#include "base/hash.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Numbers by hash: open addressing, at most half full. Two of 2^24 texts that share 128 bits
 * would be of the same number: a chance of 2^-80. */
struct votes_keys {
    struct votes_key {
        uint64_t hash[2];
        uint32_t number; /* from 1; 0: free */
    } * slot;
    size_t room;
    uint32_t n;
};

struct votes_open {
    struct votes_keys models, prompts, judges;
    size_t rooms[4]; /* of vote, x, ranking, placed */
};

/* The slot of the hash, or the free one where it belongs. */
static struct votes_key *find(const struct votes_keys *keys, const uint64_t hash[2])
{
    size_t at = (size_t)hash[0] & (keys->room - 1);

    while (keys->slot[at].number && memcmp(keys->slot[at].hash, hash, sizeof(uint64_t[2])))
        at = (at + 1) & (keys->room - 1);
    return &keys->slot[at];
}

static void grow(struct votes_keys *keys)
{
    struct votes_keys old = *keys;

    keys->room = old.room ? 2 * old.room : 1024;
    keys->slot = mem_new(keys->room, sizeof *keys->slot);
    for (size_t i = 0; i < old.room; i++)
        if (old.slot[i].number)
            *find(keys, old.slot[i].hash) = old.slot[i];
    free(old.slot);
}

/* From 0; *fresh: it was not there before. */
static uint32_t number_of(struct votes_keys *keys, const char *text, size_t n, bool *fresh)
{
    const struct hash hash = hash_of(text, n);
    uint64_t words[2];
    struct votes_key *key;

    if (keys->n >= keys->room / 2)
        grow(keys);
    memcpy(words, hash.byte, sizeof words);
    key = find(keys, words);
    *fresh = !key->number;
    if (*fresh) {
        memcpy(key->hash, words, sizeof words);
        key->number = ++keys->n;
    }
    return key->number - 1;
}

struct votes *votes_new(void)
{
    struct votes *votes = mem_new(1, sizeof *votes);

    votes->open = mem_new(1, sizeof *votes->open);
    votes->ignored = json_object();
    return votes;
}

/* Hashes are of no use once all rows are in. */
static void close_keys(struct votes *votes)
{
    if (!votes->open)
        return;
    free(votes->open->models.slot);
    free(votes->open->prompts.slot);
    free(votes->open->judges.slot);
    free(votes->open);
    votes->open = NULL;
}

void votes_free(struct votes *votes)
{
    if (!votes)
        return;
    close_keys(votes);
    for (int i = 0; i < votes->models; i++)
        free(votes->model[i]);
    for (int k = 0; k < votes->covariates; k++)
        free(votes->covariate[k]);
    free(votes->model);
    free(votes->vote);
    free(votes->x);
    free(votes->ranking);
    free(votes->placed);
    json_decref(votes->ignored);
    free(votes);
}

/* Models are few, and the fit is of a dense matrix of them: the thousand-and-first is
 * refused before memory is asked for. */
static enum err model_of(struct votes *votes, const char *name, uint32_t *out)
{
    const size_t n = name ? strlen(name) : 0;
    bool fresh;

    if (!n || n > VOTES_NAME_MAX)
        return err_set(ERR_PARSE, "a model's name has 1 to %d bytes", VOTES_NAME_MAX);
    *out = number_of(&votes->open->models, name, n, &fresh);
    if (!fresh)
        return OK;
    if (votes->models == VOTES_MODELS_MAX) {
        /* The name has a number now that no model bears: reading ends here anyway. */
        return err_set(ERR_RANGE, "more than %d models", VOTES_MODELS_MAX);
    }
    votes->model = mem_grow(votes->model, (size_t)votes->models + 1, sizeof *votes->model);
    votes->model[votes->models++] = mem_text(name);
    return OK;
}

/* A prompt may be a whole dialogue: it is known by its JSON, keys in order. */
static uint32_t prompt_of(struct votes *votes, const json_t *prompt)
{
    char *text;
    uint32_t number;
    bool fresh;

    if (!prompt || json_is_null(prompt))
        return VOTES_NONE;
    text = json_dumps(prompt, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (!text)
        return VOTES_NONE;
    number = number_of(&votes->open->prompts, text, strlen(text), &fresh);
    free(text);
    return number;
}

static uint32_t judge_of(struct votes *votes, const char *judge)
{
    bool fresh;

    return judge && *judge ? number_of(&votes->open->judges, judge, strlen(judge), &fresh)
                           : VOTES_NONE;
}

/* Room for `n` elements, doubled as they come. */
static void *more(void *old, size_t *room, size_t n, size_t size)
{
    if (n <= *room)
        return old;
    *room = n < 1024 ? 1024 : 2 * n;
    return mem_grow(old, *room, size);
}

/* A weight of 0 would be a row that is counted and says nothing; one below, nonsense. Numbers
 * beyond all reason would leave the fit without digits. */
static enum err check(const struct votes *votes, double weight)
{
    if (votes->n + votes->rankings >= VOTES_MAX)
        return err_set(ERR_RANGE, "more than %d votes", VOTES_MAX);
    return weight >= 1e-9 && weight <= 1e9
               ? OK
               : err_set(ERR_PARSE, "weight: expected a number from 1e-9 to 1e9");
}

/* Everything is looked at before anything is kept, but names: a model that a refused row
 * named is only a name, and the caller ends. */
enum err votes_add(struct votes *votes, const struct votes_said *said)
{
    struct votes_open *open = votes->open;
    const size_t k = (size_t)votes->covariates;
    struct vote vote = {.winner = said->winner, .weight = said->weight};
    enum err err = check(votes, said->weight);

    for (size_t i = 0; i < k && !err; i++)
        if (!(fabs(said->x[i]) <= 1e6))
            err = err_set(ERR_PARSE, "x: %s is not a number within 1e6 of 0",
                          votes->covariate[i]);
    if (!err)
        err = model_of(votes, said->a, &vote.a);
    if (!err)
        err = model_of(votes, said->b, &vote.b);
    if (err)
        return err;
    vote.prompt = prompt_of(votes, said->prompt);
    vote.judge = judge_of(votes, said->judge);
    votes->vote = more(votes->vote, &open->rooms[0], votes->n + 1, sizeof *votes->vote);
    if (k) {
        votes->x = more(votes->x, &open->rooms[1], (votes->n + 1) * k, sizeof *votes->x);
        memcpy(votes->x + votes->n * k, said->x, k * sizeof *votes->x);
    }
    votes->vote[votes->n++] = vote;
    return OK;
}

/* Appends one place: a name, or names that share it. */
static enum err place(struct votes *votes, const json_t *who, struct votes_ranking *r)
{
    const size_t n = json_is_array(who) ? json_array_size(who) : 1;
    enum err err = n ? OK : err_set(ERR_PARSE, "ranking: an empty list has no place");

    for (size_t i = 0; i < n && !err; i++) {
        const json_t *one = json_is_array(who) ? json_array_get(who, i) : who;
        struct votes_placed *to;
        uint32_t model;
        if (r->n == VOTES_RANKED_MAX)
            return err_set(ERR_RANGE, "ranking: more than %d names", VOTES_RANKED_MAX);
        if (!json_is_string(one))
            return err_set(ERR_PARSE, "ranking: expected names, and lists of names");
        err = model_of(votes, json_string_value(one), &model);
        for (int k = 0; k < r->n && !err; k++)
            if (votes->placed[r->at + (size_t)k].model == model)
                err = err_set(ERR_PARSE, "ranking: '%s' stands twice", json_string_value(one));
        if (err)
            return err;
        votes->placed = more(votes->placed, &votes->open->rooms[3], r->at + (size_t)r->n + 1,
                             sizeof *votes->placed);
        to = &votes->placed[r->at + (size_t)r->n++];
        to->model = model;
        to->with_last = i > 0;
    }
    return err;
}

enum err votes_add_ranking(struct votes *votes, const json_t *ranking, const json_t *prompt,
                           const char *judge, double weight)
{
    struct votes_ranking r = {.at = votes->places, .weight = weight};
    enum err err = check(votes, weight);

    if (!err && !json_is_array(ranking))
        err = err_set(ERR_PARSE, "ranking: expected a list of names");
    for (size_t i = 0; i < json_array_size(ranking) && !err; i++)
        err = place(votes, json_array_get(ranking, i), &r);
    if (!err && r.n < 2)
        err = err_set(ERR_PARSE, "ranking: fewer than two names");
    if (err)
        return err;
    r.prompt = prompt_of(votes, prompt);
    r.judge = judge_of(votes, judge);
    votes->ranking = more(votes->ranking, &votes->open->rooms[2], votes->rankings + 1,
                          sizeof *votes->ranking);
    votes->ranking[votes->rankings++] = r;
    votes->places += (size_t)r.n;
    return OK;
}

struct votes_named {
    char *name;
    uint32_t was;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct votes_named *)a)->name, ((const struct votes_named *)b)->name);
}

/* Names in the order of their bytes, which no locale changes. */
enum err votes_end(struct votes *votes)
{
    const size_t models = (size_t)votes->models;
    struct votes_named *named = mem_new(models + 1, sizeof *named);
    uint32_t *now = mem_new(models + 1, sizeof *now);

    for (size_t i = 0; i < models; i++)
        named[i] = (struct votes_named){votes->model[i], (uint32_t)i};
    qsort(named, models, sizeof *named, by_name);
    for (size_t i = 0; i < models; i++) {
        votes->model[i] = named[i].name;
        now[named[i].was] = (uint32_t)i;
    }
    for (size_t i = 0; i < votes->n; i++) {
        votes->vote[i].a = now[votes->vote[i].a];
        votes->vote[i].b = now[votes->vote[i].b];
    }
    for (size_t i = 0; i < votes->places; i++)
        votes->placed[i].model = now[votes->placed[i].model];
    votes->prompts = votes->open->prompts.n;
    votes->judges = votes->open->judges.n;
    close_keys(votes);
    free(named);
    free(now);
    return votes->n + votes->rankings ? OK
                                      : err_set(ERR_RANGE,
                                                "no vote: %zu rows are of a model against "
                                                "itself, %zu without a verdict",
                                                votes->itself, votes->unheard);
}
