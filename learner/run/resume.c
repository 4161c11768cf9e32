/* A checkpoint's meta holds the configuration and the data set's hash of the run that wrote it.
 * Both are compared before weights are read: first by resume_check, before anything was made for
 * the run, then again on loading. Keys that change what is shown or kept may differ (free_key);
 * of the others the first that differs is named. A file that is damaged is passed over for the
 * next older one. */
#include "learner/run/resume.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "learner/run/checkpoint.h"
#include "learner/run/peft.h"

#include <stdlib.h>
#include <string.h>

/* Keys that change what is shown or kept, not what is learnt. */
static bool free_key(const char *key)
{
    static const char *const prefixes[] = {"logging_",
                                           "save_",
                                           "eval_",
                                           "load_best_",
                                           "metric_for_best_",
                                           "greater_is_",
                                           "resume_",
                                           "overwrite",
                                           "run_name",
                                           "output_dir",
                                           "do_eval",
                                           "disable_",
                                           "max_memory",
                                           "gradient_checkpointing",
                                           "per_device_eval",
                                           "broker",
                                           "parent_fd",
                                           "fleet",
                                           "reference",
                                           "precompute_ref_",
                                           "earlier_answers",
                                           "dtype"};

    if (!strcmp(key, "reference_free")) /* begins like another's name for its folder */
        return false;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (!strncmp(key, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

/* The value as a word for people: 0.05, not 0.050000000000000003. */
static char *word(const json_t *value, unsigned digits)
{
    return value
               ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(digits))
               : mem_text("unset");
}

static enum err differ(const char *key, const json_t *was, const json_t *now)
{
    const unsigned digits[] = {15, 17}; /* 15 are as they were written; 17 tell any two apart */
    char *old = word(was, digits[0]), *new = word(now, digits[0]);
    enum err err;

    if (!strcmp(old, new)) {
        free(old);
        free(new);
        old = word(was, digits[1]);
        new = word(now, digits[1]);
    }
    /* Both values are said, as short as they can be while they differ. */
    err = err_set(ERR_STATE,
                  "%s was %s in the run that output_dir holds, is %s now: take "
                  "another output_dir, or say overwrite_output_dir=true",
                  key, old, new);

    free(old);
    free(new);
    return err;
}

enum err resume_same(const json_t *was, const json_t *now)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)now, key, value)
    {
        const json_t *old = json_object_get(was, key);
        if (!free_key(key) && (!old || !json_equal(old, value)))
            return differ(key, old, value);
    }
    /* A key that is gone counts as well: its default may not be what it was set to. */
    json_object_foreach((json_t *)(uintptr_t)was, key, value)
    {
        if (!free_key(key) && !json_object_get(now, key))
            return differ(key, value, NULL);
    }
    return OK;
}

enum { BLOCKS = TRAINABLE_BLOCKS + 1 };

static int weights(struct checkpoint_block *block, const struct trainable_state *state, int n)
{
    for (int i = 0; i < n; i++)
        block[i] = (struct checkpoint_block){state->block[i].name, state->block[i].bytes,
                                             state->block[i].n};
    return n;
}

/* How many. */
static int blocks(struct checkpoint_block *block, const struct trainable_state *state,
                  const struct resume *resume)
{
    const int n = weights(block, state, state->n);

    block[n] = (struct checkpoint_block){"reference", resume->reference,
                                         resume->reference_floats * sizeof(float)};
    return resume->reference ? n + 1 : n;
}

static json_t *best_json(const struct resume *resume, const struct resume_best *best)
{
    return json_pack("{s:I, s:f, s:s*, s:b}", "step", (json_int_t)best->step, "value",
                     best->value, "metric", resume->metric, "greater", (int)resume->greater);
}

/* What a checkpoint says was best, as far as it is about the same figure and its weights are
 * still there: a run whose keys changed chooses anew from here on. */
static struct resume_best best_of(const struct resume *resume, const json_t *meta)
{
    const json_t *was = json_object_get(meta, "best");
    const struct resume_best best = {
        json_integer_value(json_object_get(was, "step")),
        json_number_value(json_object_get(was, "value")),
    };
    const char *metric = json_string_value(json_object_get(was, "metric"));
    char *path = checkpoint_path(resume->folder, best.step);
    const bool same = metric && resume->metric && !strcmp(metric, resume->metric) &&
                      json_is_true(json_object_get(was, "greater")) == resume->greater;
    const bool there = same && fs_exists(path);

    free(path);
    if (resume->metric && best.step > 0 && !there)
        log_warn("best", "step=%lld was best by %s: %s; chosen anew from here on",
                 (long long)best.step, metric ? metric : "?",
                 same ? "its checkpoint is gone" : "another figure is asked for now");
    return there ? best : (struct resume_best){0};
}

enum err resume_best_load(const struct resume *resume, const struct resume_best *best,
                          struct trainable *step)
{
    const struct trainable_state inner = trainable_state(step);
    struct checkpoint_block block[BLOCKS];
    char *path = checkpoint_path(resume->folder, best->step);
    const enum err err = checkpoint_read(path, block, weights(block, &inner, inner.weights));

    free(path);
    if (!err)
        trainable_restored(step, inner.t); /* the compute weights follow; the count stays */
    return err;
}

/* Trimmed only when the new one is whole. */
enum err resume_save(const struct resume *resume, struct trainable *step,
                     const struct resume_state *state)
{
    const struct trainable_state inner = trainable_state(step);
    struct checkpoint_block block[BLOCKS];
    char data[HASH_TEXT], *path = checkpoint_path(resume->folder, inner.t);
    json_t *meta =
        json_pack("{s:I, s:I, s:o, s:o, s:s, s:s, s:O}", "step", (json_int_t)inner.t, "tokens",
                  (json_int_t)state->tokens, "window", metrics_save(&state->window), "total",
                  metrics_save(&state->total), "data", hash_text(data, &resume->data),
                  "version", DROVER_VERSION, "config", resume->config);
    enum err err;

    if (state->best.step > 0)
        json_object_set_new(meta, "best", best_json(resume, &state->best));
    peft_put_base(meta, step);
    err = checkpoint_write(path, meta, block, blocks(block, &inner, resume));
    if (!err)
        err = checkpoint_trim(resume->folder, resume->keep,
                              state->best.step > 0 ? state->best.step : -1);
    json_decref(meta);
    free(path);
    return err;
}

/* Data and tokenizer are compared by the token ids that they make: renaming a file changes
 * nothing, a different template does. */
static enum err check(const struct resume *resume, const json_t *meta)
{
    char data[HASH_TEXT];
    const char *was = json_string_value(json_object_get(meta, "data"));
    enum err err = resume_same(json_object_get(meta, "config"), resume->config);

    if (err && resume->force) {
        log_warn("changed", "%s", err_text());
        err = OK;
    }
    if (!err && (!was || strcmp(was, hash_text(data, &resume->data)) != 0))
        err =
            err_set(ERR_STATE, "the training data or the tokenizer changed since the run that "
                               "output_dir holds: take another output_dir, or say "
                               "overwrite_output_dir=true");
    return err;
}

/* Means first, then blocks, then the count: what can fail comes before what changes the
 * model. */
static enum err load(const struct resume *resume, const char *path, struct trainable *step,
                     struct resume_state *state)
{
    const struct trainable_state inner = trainable_state(step);
    struct checkpoint_block block[BLOCKS];
    json_t *meta = NULL;
    enum err err = checkpoint_peek(path, &meta);

    if (!err)
        err = check(resume, meta);
    if (!err)
        err = peft_check_base(meta, step);
    if (!err)
        err = metrics_load(&state->window, json_object_get(meta, "window"));
    if (!err)
        err = metrics_load(&state->total, json_object_get(meta, "total"));
    if (!err)
        err = checkpoint_read(path, block, blocks(block, &inner, resume));
    if (!err) {
        state->tokens = json_integer_value(json_object_get(meta, "tokens"));
        state->best = best_of(resume, meta);
        trainable_restored(step, json_integer_value(json_object_get(meta, "step")));
    }
    json_decref(meta);
    return err;
}

enum err resume_load(const struct resume *resume, const char *path, struct trainable *step,
                     struct resume_state *state, bool *found)
{
    int64_t *steps = NULL;
    size_t n = 0;
    enum err err;

    *found = path != NULL;
    if (path)
        return load(resume, path, step, state);
    err = checkpoint_list(&steps, &n, resume->folder);
    for (size_t i = 0; i < n && !err && !*found; i++) {
        char *file = checkpoint_path(resume->folder, steps[i]);
        err = load(resume, file, step, state);
        *found = !err;
        /* Only a damaged one is passed over; one of another configuration is an error,
         * however many older ones there are. */
        if (err == ERR_PARSE) {
            log_warn("checkpoint", "%s; an older one is tried", err_text());
            err = OK;
        }
        free(file);
    }
    free(steps);
    return err;
}

/* ERR_PARSE: it cannot be read. */
static enum err check_file(const struct resume *resume, const char *path)
{
    json_t *meta = NULL;
    enum err err = checkpoint_peek(path, &meta);

    if (!err)
        err = check(resume, meta);
    json_decref(meta);
    return err;
}

enum err resume_check(const struct resume *resume, const char *path)
{
    int64_t *steps = NULL;
    size_t n = 0;
    enum err err;

    if (path)
        return check_file(resume, path);
    err = checkpoint_list(&steps, &n, resume->folder);
    for (size_t i = 0; i < n && !err; i++) {
        char *file = checkpoint_path(resume->folder, steps[i]);
        err = check_file(resume, file);
        free(file);
        if (err != ERR_PARSE)
            break;
        err = OK; /* resume_load tries an older one too, and says so */
    }
    free(steps);
    return err;
}
