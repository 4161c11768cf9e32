/* The one parser of rewards. A configuration's list goes through rewards_read once, before a
 * run does anything else, so every mistake in it is found and named there: first keys that
 * nobody knows, then the kind, then what the kind itself reads, then what goes with all. An
 * entry that stands alone (`by` of drover eval) takes the same way but for the keys of a run.
 * What a kind knows of itself stands in its row (reward/reward_kind.h); here is only what is
 * true of each. */

#include "reward/reward.h"

#include "base/conf.h"
#include "base/mem.h"
#include "reward/entry.h"
#include "reward/reward_kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 86400000, WORDS = 160 };

static const char *const general[] = {"name", "weight", "normalize", "timeout"};
enum { GENERAL = sizeof general / sizeof *general };

/* ---- which keys, and of which kind */

/* What a person may write: "model, rule, judge, worker". */
static const char *kinds(char out[WORDS])
{
    const struct reward_kind *kind;
    size_t at = 0;

    *out = 0;
    for (int i = 0; (kind = reward_kind_row(i)) && at < WORDS; i++)
        at += (size_t)snprintf(out + at, WORDS - at, "%s%s", i ? ", " : "", kind->word);
    return out;
}

static bool is_general(const char *key, bool alone)
{
    bool is = false;

    for (int i = 0; i < (alone ? 1 : GENERAL); i++)
        is = is || !strcmp(key, general[i]);
    return is;
}

/* What a model of it computes in goes with every kind that needs one. */
static bool reads(const struct reward_kind *kind, const char *key, bool alone)
{
    return kind->knows(key, alone) || (kind->model && !strcmp(key, "compute"));
}

/* A kind that reads the key; NULL: none does. */
static const struct reward_kind *reader(const char *key)
{
    const struct reward_kind *kind;

    for (int i = 0; (kind = reward_kind_row(i)); i++)
        if (reads(kind, key, false))
            return kind;
    return NULL;
}

static enum err known_keys(const json_t *entry)
{
    const char *key;
    char words[WORDS];
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)entry, key, value)
    {
        if (!is_general(key, false) && !reader(key))
            return err_set(ERR_PARSE,
                           "'%s': no such key of a reward; known are name, weight, %s, "
                           "normalize, timeout, and a rule's or a judge's own",
                           key, kinds(words));
    }
    return OK;
}

/* Keys of another kind would count for nothing. */
static enum err no_strangers(const json_t *entry, const struct reward_kind *kind)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)entry, key, value)
    {
        if (!is_general(key, false) && !reads(kind, key, false))
            return err_set(ERR_PARSE, "%s: goes with %s", key, reader(key)->whose);
    }
    return OK;
}

/* Alone, an entry has one kind and no run around it, so the error can say what that kind reads.
 */
static enum err own_keys(const json_t *entry, const struct reward_kind *kind)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)entry, key, value)
    {
        if (kind->known && !is_general(key, true) && !reads(kind, key, true))
            return err_set(ERR_PARSE, "'%s': no such key of %s; known are %s", key, kind->whose,
                           kind->known);
    }
    return OK;
}

/* ---- an entry */

/* What an entry means when it says nothing. */
static void begin(struct reward *to, const struct reward_kind *kind)
{
    *to = (struct reward){.weight = 1, .std = 1, .steps = REWARDS_NO_STEPS};
    if (kind)
        to->kind = kind->number;
}

/* What goes with every kind. A timeout of 0 is the broker's own. */
static enum err read_general(struct reward *to, const json_t *entry)
{
    const char *normalize = entry_text(entry, "normalize");
    const char *timeout = entry_text(entry, "timeout");
    long ms = 0;
    enum err err = entry_number(&to->weight, entry, "weight");

    if (!err && normalize && strcmp(normalize, "true") && strcmp(normalize, "false"))
        err = err_set(ERR_PARSE, "normalize: '%s': expected true or false", normalize);
    to->normalize = normalize && !strcmp(normalize, "true");
    if (!err && timeout)
        err = conf_duration_ms(&ms, timeout);
    if (!err && (ms < 0 || ms > DAY_MS))
        err = err_set(ERR_RANGE, "timeout: at most a day");
    to->timeout_ms = (uint32_t)ms;
    return err;
}

static enum err read_name(const struct rewards *r, struct reward *to, const char *name)
{
    if (strlen(name) >= REWARDS_NAME || !*name)
        return err_set(ERR_RANGE, "name: 1 to %d characters", REWARDS_NAME - 1);
    memcpy(to->name, name, strlen(name) + 1);
    for (const struct reward *other = r->reward; other < to; other++)
        if (!strcmp(other->name, name))
            return err_set(ERR_PARSE, "two rewards are called '%s': give each a name", name);
    return OK;
}

/* A worker answers once for each rollout: two rewards cannot be from the same. */
static enum err alone_there(const struct rewards *r, const struct reward *to)
{
    for (const struct reward *other = r->reward; other < to && to->worker; other++)
        if (other->worker && !strcmp(other->worker, to->worker))
            return err_set(ERR_PARSE,
                           "two rewards are from the worker '%s': it answers once; add the "
                           "weights up, or let it register under two names",
                           to->worker);
    return OK;
}

static enum err read_entry(struct rewards *r, const json_t *entry)
{
    struct reward *to = &r->reward[r->n];
    const char *name = entry_text(entry, "name");
    const struct reward_kind *kind;
    char words[WORDS];
    int given;
    enum err err;

    if (r->n == REWARDS_MAX)
        return err_set(ERR_RANGE, "at most %d rewards", REWARDS_MAX);
    begin(to, NULL);
    r->n++;
    if (!json_is_object(entry))
        return err_set(ERR_PARSE, "expected {name: ..., weight: ..., model|rule|worker: ...}");
    err = known_keys(entry);
    if (err)
        return err;
    kind = reward_kind_named(entry, false, &given);
    if (!kind)
        return err_set(ERR_PARSE, "expected exactly one of %s", kinds(words));
    begin(to, kind);
    err = read_name(r, to, name ? name : kind->name(entry));
    if (!err)
        err = no_strangers(entry, kind);
    if (!err)
        err = kind->read(to, entry, false);
    if (!err)
        err = precision_named(&to->compute, entry_text(entry, "compute"));
    if (!err)
        err = alone_there(r, to);
    return err ? err : read_general(to, entry);
}

enum err reward_alone(struct reward *out, const json_t *entry)
{
    const char *name = entry_text(entry, "name");
    const struct reward_kind *kind;
    int given;
    enum err err;

    kind = reward_kind_named(entry, true, &given);
    begin(out, kind);
    if (!kind)
        return err_set(ERR_STATE, "names %s", given ? "several kinds" : "no kind of reward");
    err = own_keys(entry, kind);
    if (!err) {
        snprintf(out->name, sizeof out->name, "%s", name ? name : kind->name(entry));
        err = kind->read(out, entry, true);
    }
    if (!err)
        err = precision_named(&out->compute, entry_text(entry, "compute"));
    if (err)
        reward_fini(out);
    return err;
}

/* ---- the list */

static void sum_up(struct rewards *r)
{
    for (int i = 0; i < r->n; i++) {
        const struct reward *to = &r->reward[i];
        const struct reward_kind *kind = reward_kind_of(to->kind);
        r->text = r->text || kind->text;
        r->question = r->question || kind->question;
        r->normalize = r->normalize || to->normalize;
    }
}

enum err rewards_read(struct rewards *out, const json_t *list, const char *model, bool none)
{
    const json_t *entry;
    size_t i;
    enum err err = OK;

    memset(out, 0, sizeof *out);
    if (model) { /* TRL's key for the one reward that most runs have */
        json_t *first = json_pack("{s:s, s:s}", "name", "rm", "model", model);
        err = read_entry(out, first);
        json_decref(first);
    }
    if (!err && list && !json_is_array(list))
        err = err_set(ERR_PARSE, "rewards: expected a list");
    json_array_foreach((json_t *)(uintptr_t)list, i, entry)
    {
        if (err)
            break;
        err = read_entry(out, entry);
        if (err)
            err = err_add("rewards[%zu]", i);
    }
    if (!err && !out->n && !none)
        err = err_set(ERR_PARSE, "no reward: give reward_model_path or a rewards list");
    if (err)
        rewards_fini(out);
    else
        sum_up(out);
    return err;
}

void reward_fini(struct reward *reward)
{
    free(reward->model);
    free(reward->worker);
    free(reward->spec);
    free(reward->column);
    memset(reward, 0, sizeof *reward);
}

void rewards_fini(struct rewards *rewards)
{
    for (int i = 0; i < rewards->n; i++)
        reward_fini(&rewards->reward[i]);
    memset(rewards, 0, sizeof *rewards);
}

bool reward_values_states(const struct reward *reward)
{
    return reward->kind == SCORER_REWARD_MODEL && reward->steps == REWARDS_NO_STEPS;
}

enum err reward_column_check(const struct reward *reward, const json_t *meta,
                             const char **lacks)
{
    const struct reward_kind *kind = reward_kind_of(reward->kind);

    *lacks = NULL;
    return kind->column && reward->column ? kind->column(reward, meta, lacks) : OK;
}
