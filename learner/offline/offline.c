/* The frame of an offline run, in the order in which a refusal costs least: plan (steps,
 * memory), folder, weights, checkpoint; then the reference's figures, while the model still is
 * the start model; then cycle_run; then the model, report and run.json. What refuses a run comes
 * before anything is made for it, and a folder whose run has ended is left as it is. Called by
 * prepare once. */
#include "learner/offline/offline.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/repo.h"
#include "learner/corpus/corpus_bins.h"
#include "learner/corpus/corpus_pack.h"
#include "learner/offline/best.h"
#include "learner/offline/cycle.h"
#include "learner/offline/evaluate.h"
#include "learner/offline/load.h"
#include "learner/run/advice.h"
#include "learner/run/memory_plan.h"
#include "learner/run/peft.h"
#include "learner/run/process_stats.h"
#include "learner/run/report.h"
#include "learner/run/stop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LENGTH_WORDS = 80 };

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Tokens of the largest micro-batch that any part of the run makes. */
static size_t largest_batch(const struct offline_job *o)
{
    const struct keys *k = o->keys;
    /* Figures made beforehand go through in batches of their own size. */
    const size_t ahead = o->reference && !o->reference->live ? (size_t)o->reference->batch : 0;
    const size_t train = larger((size_t)k->per_device_train_batch_size, ahead);
    const size_t test = larger(evaluate_batch(o), ahead);
    const size_t most = corpus_pack_most(o->train, train);

    return o->test ? larger(most, corpus_pack_most(o->test, test)) : most;
}

/* What the reference says of a token of the data set. A live reference is a copy of the policy's
 * compute weights. */
enum { REFERENCE_BYTES = 4 };

static struct memory_plan memory_of(const struct offline_job *o)
{
    const size_t all = o->train->seq[o->train->n * (size_t)o->train->group];
    struct train_options options = keys_training(o->keys);

    options.alone = o->keys->gradient_accumulation_steps == 1;
    return (struct memory_plan){.policy = load_shape(o),
                                .options = options,
                                .lora = peft_lora(&o->plan),
                                .packed = load_packs(o),
                                .store = o->card->store,
                                .loading = load_size(o),
                                .n_images = o->reference && o->reference->live,
                                .data = corpus_bytes(o->train) +
                                        all * (size_t)(o->reference ? REFERENCE_BYTES : 0),
                                .tokens = largest_batch(o)};
}

/* The length that holds, and whose it is. */
static void length_words(char *out, size_t room, const struct offline_job *o)
{
    const int given = o->keys->max_length, context = o->card->shape.context;

    if (!conf_has_int(given))
        snprintf(out, room, "no max_length");
    else if (given > context)
        snprintf(out, room, "%d (the model's context; max_length is %d)", context, given);
    else
        snprintf(out, room, "max_length %d", given);
}

/* What was cut or left out is said once, before training: a max_length that is too small
 * shows here. */
static void tell_lengths(const struct offline_job *o)
{
    const struct corpus *const sets[] = {o->train, o->test};
    static const char *const name[] = {"data", "data (evaluation)"};
    const bool packing = json_is_true(json_object_get(o->config, "packing"));
    char words[LENGTH_WORDS];

    length_words(words, sizeof words, o);
    if (o->train->rows.n)
        fprintf(stderr, "packing: %zu records in %zu rows of %s\n", o->train->n,
                o->train->rows.n, words);
    else if (packing) /* wrapped: a row is a record by now */
        fprintf(stderr, "packing: %zu rows, records divided at %s\n", o->train->n, words);
    for (int i = 0; i < 2; i++)
        if (sets[i] && (sets[i]->cut || sets[i]->dropped || sets[i]->skipped))
            fprintf(stderr, "%s: %zu records cut at %s, %zu left out by length, %zu bad\n",
                    name[i], sets[i]->cut, words, sets[i]->dropped, sets[i]->skipped);
}

static enum err plan(struct cycle *run)
{
    const struct offline_job *o = run->job;
    const struct keys *k = run->keys;
    const size_t seqs = o->train->n * (size_t)o->train->group;
    struct memory_plan memory = memory_of(o);
    char needed[ADVICE_SIZE], given[ADVICE_SIZE], words[ADVICE_WORDS], kept[MEMORY_PLAN_WORDS];
    enum err err = keys_length(&run->length, k, corpus_bins_rows(o->train));

    if (!err)
        err = keys_schedule(&run->rates, k, &o->plan, &run->length);
    if (!err && o->plan.best && !o->test)
        err = err_set(ERR_RANGE, "load_best_model_at_end, save_strategy: best: no records are "
                                 "held out (a test split, or test_split_size)");
    if (err)
        return err;
    memory_plan_keep(&memory, &o->plan, kept);
    run->options = memory.options;
    fprintf(stderr,
            "plan: %" PRId64 " optimiser steps (%" PRId64
            " an epoch), %zu records, %zu tokens; "
            "batch %d x %d; %s of %s memory\n",
            run->length.steps, run->length.steps_per_epoch, o->train->n, o->train->seq[seqs],
            k->per_device_train_batch_size, k->gradient_accumulation_steps,
            advice_size(needed, memory_plan_size(&memory)),
            advice_size(given, o->plan.memory_bytes));
    if (*kept)
        fprintf(stderr, "plan: %s\n", kept);
    tell_lengths(o);
    advice_rate(words, k->learning_rate, peft_lora(&o->plan) != NULL);
    if (*words)
        fprintf(stderr, "plan: %s\n", words);
    return memory_plan_check(&memory, k, &o->plan, "max_length");
}

/* `processes` is given up; may be NULL. */
static enum err write_run(struct cycle *run, const char *state, json_t *processes)
{
    json_t *json = json_pack(
        "{s:s, s:s, s:i, s:s, s:I, s:I, s:I, s:s*, s:O, s:o*, s:o*, s:o*}", "method",
        run->job->objective->name, "state", state, "pid", (int)getpid(), "version",
        DROVER_VERSION, "step", (json_int_t)(run->step ? trainable_count(run->step) : 0),
        "steps", (json_int_t)run->length.steps, "written_ms", (json_int_t)clock_wall_ms(),
        "run_name", run->keys->run_name, "config", run->job->config, "processes", processes,
        "hub", repo_record(), "best", best_json(&run->resume, &run->state.best));
    const enum err err = rundir_run(run->dir, json);

    json_decref(json);
    return err;
}

static bool is_word(const char *text, const char *yes)
{
    return text && !strcmp(text, yes);
}

/* Whether the folder's last run was this one and came to its end. */
static bool finished(const struct cycle *run)
{
    char *path = mem_print("%s/run.json", run->keys->output_dir);
    json_t *json = json_load_file(path, 0, NULL);
    const bool done = is_word(json_string_value(json_object_get(json, "state")), "finished") &&
                      fs_is_dir(run->model) &&
                      !resume_same(json_object_get(json, "config"), run->job->config);

    json_decref(json);
    free(path);
    return done;
}

/* The checkpoint that the configuration names; NULL: none. */
static const char *named(const struct cycle *run)
{
    const char *from = run->keys->resume_from_checkpoint;

    return is_word(from, "true") || is_word(from, "false") ? NULL : from;
}

/* Before work is done for a run that would be refused. */
static enum err precheck(struct cycle *run)
{
    run->resume.force = is_word(run->keys->resume_from_checkpoint, "true") || named(run);
    if (run->keys->overwrite_output_dir)
        return rundir_clear(run->dir);
    return resume_check(&run->resume, named(run));
}

/* From the folder's checkpoint, from a named one, or from the start. */
static enum err restore(struct cycle *run)
{
    const char *from = run->keys->resume_from_checkpoint;
    bool found = false;
    enum err err = resume_load(&run->resume, named(run), run->step, &run->state, &found);

    /* Not silently over it: resume_from_checkpoint=false says what the user does not want,
     * not what to do instead. */
    if (!err && found && is_word(from, "false"))
        err = err_set(ERR_STATE,
                      "output_dir: %s holds a run; resume_from_checkpoint is false: take "
                      "another folder, or say overwrite_output_dir=true",
                      run->keys->output_dir);
    if (!err)
        err = rundir_metrics_cut(run->dir, found ? trainable_count(run->step) : -1);
    if (!err && found)
        fprintf(stderr, "resumed at step %" PRId64 "\n", trainable_count(run->step));
    run->saved_step = found ? trainable_count(run->step) : -1;
    return err;
}

/* Of the steps that this process made: a resumed run's clock knows nothing of the others. */
static enum err summary(struct cycle *run)
{
    const int64_t steps = run->length.steps - run->first;
    const double seconds = (double)(clock_mono_ms() - run->begun_ms) / 1e3;
    const double rate = seconds > 0 ? (double)steps / seconds : 0;
    const double batch = (double)run->keys->per_device_train_batch_size *
                         (double)run->keys->gradient_accumulation_steps;
    json_t *line = cycle_line(run);
    enum err err;

    json_object_set_new(line, "train_runtime", json_real(seconds));
    json_object_set_new(line, "train_samples_per_second", json_real(rate * batch));
    json_object_set_new(line, "train_steps_per_second", json_real(rate));
    throughput_put(&run->throughput, line, (double)(run->state.tokens - run->first_tokens),
                   seconds);
    json_object_set_new(line, "total_flos",
                        json_real(6.0 * (double)run->state.tokens *
                                  (double)trainable_params(run->step)->count));
    metrics_put(&run->state.total, "train_", line);
    err = rundir_metrics(run->dir, line);
    json_decref(line);
    return err;
}

/* The weights that the model gets are the best evaluation's, where the keys ask for that. */
static enum err take_best(struct cycle *run)
{
    const struct resume_best *const best = &run->state.best;
    const bool load = run->keys->load_best_model_at_end;
    char *words = best_words(&run->resume, best);
    enum err err = OK;

    if (words && load && best->step != trainable_count(run->step))
        err = resume_best_load(&run->resume, best, run->step);
    if (!err && words)
        progress_line(&run->progress, "best: %s%s", words,
                      load ? ": the model has its weights" : "");
    free(words);
    return err ? err_add("the best evaluation's checkpoint") : OK;
}

static enum err finish(struct cycle *run)
{
    char hash[HASH_TEXT], masters[PEFT_COMPUTED], words[ADVICE_WORDS] = "";
    struct hash weights;
    json_t *processes = NULL;
    enum err err = summary(run);

    if (!err)
        err = take_best(run);
    if (err)
        return err;
    weights = peft_hash(run->step, run->job->plan.dtype);
    err = peft_save(run->model, run->job->card, run->step, run->keys->model_name_or_path,
                    run->job->plan.dtype);
    if (!err) {
        char *title = run->keys->run_name ? mem_text(run->keys->run_name)
                                          : mem_print("drover %s", run->job->objective->name);
        processes = process_stats_alone(run->job->objective->name,
                                        (uint64_t)(run->state.tokens - run->first_tokens),
                                        clock_mono_ms() - run->begun_ms);
        err = report_write(run->keys->output_dir, title, processes);
        free(title);
    }
    if (!err)
        err = write_run(run, "finished", json_incref(processes));
    /* Only a run that was whole in this process has both ends of its curve at hand. */
    if (!err && !run->first && run->windows > 1)
        advice_still(words, run->first_loss, run->last_loss, run->keys->learning_rate,
                     peft_lora(&run->job->plan) != NULL);
    if (!err && *words)
        progress_line(&run->progress, "%s", words);
    if (!err)
        progress_line(&run->progress, "done: %s  weights %s%s", run->model,
                      hash_text(hash, &weights),
                      peft_computed(masters, run->step, run->job->plan.dtype));
    if (!err)
        process_stats_print(processes, stderr);
    json_decref(processes);
    return err;
}

/* The state is that of the last whole step, so the same command goes on as if nothing had
 * been. */
static enum err stop(struct cycle *run)
{
    enum err err = cycle_save(run);

    if (!err)
        err = write_run(run, "stopped", NULL);
    if (!err)
        stop_done(false);
    if (!err)
        progress_line(&run->progress,
                      "stopped at step %" PRId64 " of %" PRId64
                      ", saved: the same command goes on from here",
                      trainable_count(run->step), run->length.steps);
    return err;
}

static void say_reference(size_t done, size_t of)
{
    fprintf(stderr, "reference log-probabilities: %zu of %zu records\n", done, of);
}

/* While the step still holds the start weights. */
static enum err make_reference(struct cycle *run)
{
    const struct offline_job *o = run->job;
    struct reference_conf conf;
    uint8_t *needed;
    char *folder;
    enum err err;

    if (!o->reference)
        return OK;
    /* The method's struct is the configuration's; the folder, where it names none, is the
     * run's. */
    conf = *o->reference;
    folder = mem_print("%s/reference", run->keys->output_dir);
    if (!conf.folder)
        conf.folder = folder;
    needed = mem_new(o->train->n, 1);
    cycle_needed(run, needed);
    err = reference_new(&run->reference, &conf, run->step);
    if (!err)
        err = reference_prepare(run->reference, run->step, o->train, needed, say_reference);
    if (!err && o->test)
        err = reference_prepare(run->reference, run->step, o->test, NULL, say_reference);
    free(needed);
    free(folder);
    return err;
}

static enum err train(struct cycle *run)
{
    const struct offline_job *o = run->job;
    bool stopped = false;
    enum err err;

    run->resume = (struct resume){.folder = run->checkpoints,
                                  .config = o->config,
                                  .data = corpus_hash(o->train),
                                  .keep = (size_t)run->keys->save_total_limit};
    best_begin(&run->resume, run->keys, &o->plan);
    run->order = mem_new(corpus_bins_rows(o->train), sizeof(*run->order));
    run->order_epoch = -1;
    err = precheck(run);
    if (!err)
        err = make_reference(run);
    if (err)
        return err;
    run->resume.reference = reference_weights(run->reference, &run->resume.reference_floats);
    err = restore(run);
    if (err)
        return err;
    err = write_run(run, "running", NULL);
    if (err)
        return err;
    stop_install();
    run->filler = (struct filler){.objective = o->objective,
                                  .conf = o->objective_conf,
                                  .corpus = o->train,
                                  .reference = run->reference,
                                  .model = run->step,
                                  .each = (size_t)run->keys->per_device_train_batch_size,
                                  .stop = stop_asked};
    filler_init(&run->filler);
    throughput_new(&run->throughput, trainable_params(run->step), peft_lora(&o->plan) != NULL);
    run->first = trainable_count(run->step);
    run->first_tokens = run->state.tokens;
    run->begun_ms = run->saved_ms = clock_mono_ms();
    progress_begin(&run->progress, run->first, run->length.steps, run->keys->disable_tqdm,
                   run->begun_ms);
    err = cycle_run(run, &stopped);
    if (!err)
        err = stopped ? stop(run) : finish(run);
    progress_end(&run->progress);
    return err;
}

enum err offline_run(const struct offline_job *job)
{
    struct cycle *run = mem_new(1, sizeof(*run));
    enum err err;

    run->job = job;
    run->keys = job->keys;
    run->checkpoints = mem_print("%s/checkpoints", run->keys->output_dir);
    run->model = mem_print("%s/model", run->keys->output_dir);
    err = plan(run);
    if (!err)
        err = rundir_check(run->keys->output_dir);
    if (!err && !run->keys->overwrite_output_dir)
        err = rundir_method(run->keys->output_dir, job->objective->name);
    if (!err && !run->keys->overwrite_output_dir && finished(run)) {
        fprintf(stderr, "already done: %s (overwrite_output_dir=true begins anew)\n",
                run->model);
        goto out;
    }
    if (!err)
        err = load_step(&run->step, run->job, &run->options);
    if (!err)
        err = rundir_open(&run->dir, run->keys->output_dir);
    if (!err)
        err = train(run);
out:
    filler_free(&run->filler);
    reference_free(run->reference);
    trainable_free(run->step);
    rundir_close(run->dir);
    free(run->order);
    free(run->checkpoints);
    free(run->model);
    free(run);
    return err;
}
