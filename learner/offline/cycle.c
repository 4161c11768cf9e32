/* From one step to the next: rows in the epoch's order, one optimiser step (learner/step) that
 * the filler fills, then what is due: log, evaluation, checkpoint. Counts of steps decide, never
 * the clock, but for save_minutes; so a run that goes on does what the run that was not stopped
 * did.
 *
 * Where the run stands in the data follows from the number of steps alone. A step changes
 * run->state at its end only: a signal between micro-batches leaves the state of the last whole
 * step, which is then saved. */
#include "learner/offline/cycle.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "learner/corpus/corpus_bins.h"
#include "learner/offline/best.h"
#include "learner/offline/evaluate.h"
#include "learner/run/peft.h"
#include "learner/run/stop.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum err cycle_save(struct cycle *run)
{
    enum err err = OK;

    /* The last step, a stop and save_steps may fall on the same step. */
    if (run->saved_step == trainable_count(run->step))
        return OK;
    if (run->keys->save_only_model) {
        char *path =
            mem_print("%s/model-%" PRId64, run->checkpoints, trainable_count(run->step));
        err = peft_save(path, run->job->card, run->step, run->keys->model_name_or_path,
                        run->job->plan.dtype);
        free(path);
    } else {
        err = resume_save(&run->resume, run->step, &run->state);
    }
    run->saved_step = trainable_count(run->step);
    run->saved_ms = clock_mono_ms();
    return err;
}

/* A whole checkpoint in any case: a run that goes on must find what was best. */
static enum err keep_best(struct cycle *run)
{
    if (!run->keys->save_only_model)
        return cycle_save(run);
    return resume_save(&run->resume, run->step, &run->state);
}

double cycle_epoch(const struct cycle *run, int64_t step)
{
    const int64_t per = run->length.steps_per_epoch, within = step % per;
    const int64_t batch = within * run->keys->gradient_accumulation_steps;

    return (double)(step / per) + (double)batch / (double)run->length.batches_per_epoch;
}

static const uint32_t *order_for(struct cycle *run, int64_t epoch)
{
    const struct corpus *c = run->job->train;
    const uint64_t seed =
        (uint64_t)(conf_has_int(run->keys->data_seed) ? run->keys->data_seed : run->keys->seed);

    /* An order is a pure function of (data_seed, epoch): it is made anew, never saved. */
    if (run->order_epoch != epoch)
        order_epoch(run->order, corpus_bins_rows(c), run->job->plan.order,
                    corpus_bins_length(c), (size_t)run->keys->per_device_train_batch_size, seed,
                    (uint64_t)epoch);
    run->order_epoch = epoch;
    return run->order;
}

/* A short run does not come to all records, and a reference for the others would be made for
 * nothing. */
void cycle_needed(struct cycle *run, uint8_t *needed)
{
    const size_t n = run->job->train->n;
    const int64_t per = run->length.steps_per_epoch;
    const int64_t batch = (int64_t)run->keys->per_device_train_batch_size *
                          run->keys->gradient_accumulation_steps;

    memset(needed, run->length.steps >= per, n);
    for (int64_t step = 0; step < run->length.steps && run->length.steps < per; step++)
        for (int64_t i = step * batch; i < (step + 1) * batch && i < (int64_t)n; i++)
            needed[order_for(run, 0)[i]] = 1;
}

/* The rows of the step that follows `done` steps. */
static void take_rows(struct cycle *run, int64_t done)
{
    const size_t rows = corpus_bins_rows(run->job->train);
    const size_t step = (size_t)(run->keys->per_device_train_batch_size *
                                 (int64_t)run->keys->gradient_accumulation_steps);
    const uint32_t *order = order_for(run, done / run->length.steps_per_epoch);
    const size_t at = (size_t)(done % run->length.steps_per_epoch) * step;
    const size_t all = (size_t)run->length.batches_per_epoch * run->filler.each;
    const size_t end = all < rows ? all : rows; /* dataloader_drop_last leaves some out */

    run->filler.row = order + at;
    run->filler.n_row = end - at < step ? end - at : step;
}

/* Gradients of one optimiser step, and what it says; `state` is what a stop would leave. */
static enum err learn(struct cycle *run, struct resume_state *state, double *loss,
                      struct optimizer_step_model *out)
{
    struct optimizer_step step = filler_step(&run->filler);
    struct optimizer_step_sums sums;
    enum err err;

    step.model[0].learns = step.model[0].dropout = true;
    step.mean = &state->window;
    err = optimizer_step_measure(&step);
    if (!err)
        err = optimizer_step_accumulate(&step, &sums);
    if (err)
        return err;
    *loss = sums.loss[0];
    *out = step.model[0];
    state->tokens += sums.tokens;
    return OK;
}

/* One optimiser step. *stopped: a signal came first, and nothing has changed. */
static enum err one_step(struct cycle *run, bool *stopped)
{
    const int64_t done = trainable_count(run->step);
    const struct adamw adamw = keys_adamw(run->keys);
    struct resume_state state = run->state;
    const int64_t begun = clock_mono_ns(), tokens = state.tokens;
    struct optimizer_step_model policy;
    double loss = 0;
    enum err err;

    take_rows(run, done);
    err = learn(run, &state, &loss, &policy);
    *stopped = run->filler.stopped;
    if (err)
        return *stopped ? OK : err_add("step %" PRId64, done + 1);
    run->norm = optimizer_step_apply(&policy, &adamw, optim_rate(&run->rates, done),
                                     run->keys->max_grad_norm);
    if (!isfinite(run->norm))
        log_warn("gradient", "step=%" PRId64 " norm=%g weights left as they are", done + 1,
                 run->norm);
    if (run->reference)
        reference_follow(run->reference, run->step);
    /* As transformers: a step whose loss is no number leaves the mean of the window as it
     * is. */
    if (isfinite(loss) || !run->keys->logging_nan_inf_filter) {
        metrics_add(&state.window, "loss", loss, 1);
        metrics_add(&state.total, "loss", loss, 1);
    }
    run->state = state;
    run->window_tokens += (double)(state.tokens - tokens);
    run->window_seconds += (double)(clock_mono_ns() - begun) / 1e9;
    progress_step(&run->progress, done + 1, loss, clock_mono_ms());
    return OK;
}

json_t *cycle_line(const struct cycle *run)
{
    const int64_t done = trainable_count(run->step);

    return json_pack("{s:I, s:f}", "step", (json_int_t)done, "epoch", cycle_epoch(run, done));
}

/* What the window has gathered, and what is true now: norm and rate of the last step. */
static enum err log_window(struct cycle *run)
{
    const int64_t done = trainable_count(run->step);
    const double rate = optim_rate(&run->rates, done - 1);
    json_t *line = cycle_line(run);
    char left[24];
    enum err err;

    /* Over the steps since the last line, and then forgotten. */
    metrics_put(&run->state.window, "", line);
    if (isfinite(run->norm))
        json_object_set_new(line, "grad_norm", json_real(run->norm));
    json_object_set_new(line, "learning_rate", json_real(rate));
    json_object_set_new(line, "num_tokens", json_integer(run->state.tokens));
    throughput_put(&run->throughput, line, run->window_tokens, run->window_seconds);
    run->window_tokens = run->window_seconds = 0;
    progress_clock(left, progress_left_ms(&run->progress, done, clock_mono_ms()));
    progress_line(&run->progress,
                  "step %" PRId64 "/%" PRId64 "  epoch %.2f  loss %.4f  grad_norm %.3g  "
                  "learning_rate %.3g  %s left",
                  done, run->length.steps, cycle_epoch(run, done),
                  metrics_mean(&run->state.window, "loss"), run->norm, rate, left);
    run->last_loss = metrics_mean(&run->state.window, "loss");
    if (!run->windows++)
        run->first_loss = run->last_loss;
    metrics_clear(&run->state.window);
    run->logged_step = done;
    err = rundir_metrics(run->dir, line);
    json_decref(line);
    return err;
}

/* The line goes to metrics.jsonl whole; for the terminal one figure is chosen, the one that
 * the method is judged by. */
static enum err judge(struct cycle *run)
{
    json_t *line = cycle_line(run), *accuracy;
    const int64_t done = trainable_count(run->step);
    bool better = false;
    enum err err =
        evaluate(run->job, run->step, run->reference, run->state.tokens, clock_mono_ms, line);

    if (!err)
        err = rundir_metrics(run->dir, line);
    if (!err && done) /* of a model that has learnt something */
        err = best_judge(&run->resume, line, done, &run->state.best, &better);
    if (!err && better)
        err = keep_best(run);
    accuracy = json_object_get(line, "eval_accuracy");
    if (!accuracy)
        accuracy = json_object_get(line, "eval_rewards/accuracies");
    if (!accuracy)
        accuracy = json_object_get(line, "eval_mean_token_accuracy");
    if (!err)
        progress_line(&run->progress, "step %" PRId64 "  eval_loss %.4f  accuracy %.4f", done,
                      json_number_value(json_object_get(line, "eval_loss")),
                      json_number_value(accuracy));
    json_decref(line);
    return err;
}

/* Whether something that happens every `every` steps, or at an epoch's end, happens now. */
static bool due(const struct cycle *run, enum keys_when when, double every)
{
    const int64_t done = trainable_count(run->step);

    /* Below 1 logging_steps and kin are a share of the run: keys_steps. */
    if (when == KEYS_STEPS)
        return every > 0 && done % keys_steps(every, run->length.steps) == 0;
    return when == KEYS_EPOCH &&
           (done % run->length.steps_per_epoch == 0 || done == run->length.steps);
}

/* After the last step in any case: the figure by which a run is judged is that of the model
 * it ends with. */
static bool eval_due(const struct cycle *run)
{
    const struct keys *k = run->keys;
    const enum keys_when when = run->job->plan.eval;
    const int64_t done = trainable_count(run->step);
    const double so_far = when == KEYS_EPOCH ? cycle_epoch(run, done) : (double)done;

    if (!run->job->test || so_far < k->eval_delay)
        return false;
    return done == run->length.steps ||
           due(run, when, conf_has_real(k->eval_steps) ? k->eval_steps : k->logging_steps);
}

/* What follows a step: log, evaluation, checkpoint. */
static enum err after_step(struct cycle *run)
{
    const struct keys *k = run->keys;
    const int64_t done = trainable_count(run->step);
    const double minutes = (double)(clock_mono_ms() - run->saved_ms) / 6e4;
    enum err err = OK;

    if (due(run, run->job->plan.logging, k->logging_steps) ||
        (k->logging_first_step && done == 1))
        err = log_window(run);
    if (!err && eval_due(run))
        err = judge(run);
    if (!err && run->job->plan.save != KEYS_NO &&
        (due(run, run->job->plan.save, k->save_steps) || done == run->length.steps ||
         (k->save_minutes > 0 && minutes >= k->save_minutes)))
        err = cycle_save(run);
    /* Where there is no bar a log would be silent until the first window ends, which may be
     * an hour. */
    if (!err && done == run->first + 1 && !run->progress.terminal) {
        char left[24];
        const int64_t now = clock_mono_ms();
        progress_line(&run->progress, "first step: %.1f s; about %s to go",
                      (double)(now - run->begun_ms) / 1e3,
                      progress_clock(left, progress_left_ms(&run->progress, done, now)));
    }
    return err;
}

enum err cycle_run(struct cycle *run, bool *stopped)
{
    enum err err = OK;

    *stopped = false;
    if (run->job->test && run->keys->eval_on_start && !trainable_count(run->step))
        err = judge(run);
    while (!err && trainable_count(run->step) < run->length.steps) {
        err = one_step(run, stopped);
        if (err || *stopped)
            break;
        err = after_step(run);
    }
    return err;
}
