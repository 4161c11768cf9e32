/* fleet_train: what a run does with what has arrived: commit, train, announce, save. */

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "learner/fleet/fleet_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUIET_MS = 5000 }; /* of MEMBER_DRAIN_MS, for an iteration to come to its end */

uint64_t fleet_train_smallest(const struct fleet *f)
{
    const uint64_t version = ledger_version(f->conf.ledger);

    return samples_log_evaluated(f->conf.samples_log, TASKS_BEFORE)
               ? tasks_oldest(f->conf.tasks, tasks_first(f->conf.tasks, version))
               : 0;
}

bool fleet_train_over(const struct fleet *f)
{
    return ledger_idle(f->conf.ledger) &&
           ledger_watermark(f->conf.ledger) == tasks_total(f->conf.tasks);
}

/* ---- the journal */

static enum err write_group(void *self)
{
    const struct fleet_commit *commit = self;
    const enum err err = rundir_owned(commit->dir);

    return err ? err : journal_commit_write(&commit->group);
}

static enum err evaluated(struct fleet *f, enum tasks_kind kind, uint64_t step)
{
    json_t *line = samples_log_line(f->conf.samples_log, kind, step);
    const enum err err = rundir_metrics(f->conf.dir, line);

    progress_line(f->conf.progress, "%s training: score %.4f, %.1f tokens an answer",
                  kind == TASKS_BEFORE ? "before" : "after",
                  json_number_value(json_object_get(line, "eval_objective/scores")),
                  json_number_value(json_object_get(line, "eval_completion_length")));
    json_decref(line);
    return err;
}

/* All groups are of equal scores: said once, for it may be what the whole run is like. */
static void tell_flat(struct fleet *f, const json_t *line)
{
    const json_t *flat = json_object_get(line, "frac_reward_zero_std");

    if (f->told_flat || !f->conf.plan->by_group || !(json_number_value(flat) >= 1) ||
        json_number_value(json_object_get(line, "drover_steps/std")) > 0)
        return;
    f->told_flat = true;
    progress_line(f->conf.progress,
                  "iteration %" PRIu64 ": the answers to each prompt all score the same: their "
                  "rewards teach nothing (a reward that tells answers apart, more "
                  "num_generations, or prompts neither too easy nor too hard)",
                  ledger_version(f->conf.ledger));
}

/* kl of objective/kl, gain of spin/gain. */
static const char *last_word(const char *metric)
{
    const char *slash = strrchr(metric, '/');

    return slash ? slash + 1 : metric;
}

/* A critic that foretells less than nothing makes advantages of noise: said once. While it
 * learns alone there is nothing to warn of. */
static void tell_critic(struct fleet *f, const json_t *line)
{
    const double explained = json_number_value(json_object_get(line, "val/explained_variance"));

    if (f->told_critic || !(explained < 0) ||
        (int64_t)ledger_version(f->conf.ledger) <= f->conf.plan->round.critic_warmup)
        return;
    f->told_critic = true;
    progress_line(f->conf.progress,
                  "iteration %" PRIu64 ": the critic explains less than nothing "
                  "(val/explained_variance %.2f): the policy learns from its noise "
                  "(critic_warmup=N: it learns alone first; critic=zero; a higher "
                  "critic_learning_rate)",
                  ledger_version(f->conf.ledger), explained);
}

/* A divergence that nobody computed is not printed as 0. */
static void tell(const struct fleet *f, const json_t *line, int64_t now_ms)
{
    const int64_t done = (int64_t)ledger_version(f->conf.ledger);
    const struct method *m = f->conf.plan->method;
    const json_t *divergence = json_object_get(line, m->divergence);
    char left[24], kl[64] = "";

    if (divergence)
        snprintf(kl, sizeof kl, "%.20s %.4f  ", last_word(m->divergence),
                 json_number_value(divergence));
    progress_clock(left, progress_left_ms(f->conf.progress, done, now_ms));
    progress_line(f->conf.progress,
                  "iteration %" PRId64 "/%" PRIu64 "  %.20s %.4f  %slength %.1f  "
                  "%.0f tokens/s  %s left",
                  done, f->conf.plan->iterations,
                  m->demonstrations ? last_word(m->score) : "score",
                  json_number_value(json_object_get(line, m->score)), kl,
                  json_number_value(json_object_get(line, "drover_completion_length")),
                  json_number_value(json_object_get(line, "drover_tokens_per_second")), left);
}

/* What the trainer cannot know of its iteration, before the journal hears of it: stop_if reads
 * the whole line. */
static void complete(struct fleet *f, struct trainer_job *job, int64_t now_ms)
{
    const uint64_t version = job->iteration + 1;
    const double seconds = (double)(now_ms - f->stepped_ms) / 1e3;
    const double all = (double)(now_ms - f->begun_ms) / 1e3;

    f->stepped_ms = now_ms;
    json_object_set_new(
        job->line, "epoch",
        json_real((double)(version * f->conf.plan->batch) / (double)f->conf.rows));
    if (seconds > 0) {
        json_object_set_new(job->line, "drover_tokens_per_second",
                            json_real((double)job->tokens / seconds));
        json_object_set_new(job->line, "step_time", json_real(seconds));
        json_object_set_new(job->line, "drover_iteration_seconds", json_real(seconds));
        json_object_set_new(job->line, "drover_wait_seconds",
                            json_real(fmax(0, seconds - job->seconds)));
    }
    if (all > 0)
        json_object_set_new(job->line, "eps",
                            json_real((double)((version - (uint64_t)f->conf.progress->first) *
                                               f->conf.plan->batch) /
                                      all));
}

/* An iteration's STEP is durable: its version may be announced. */
static enum err stepped(struct fleet *f, int64_t now_ms)
{
    struct trainer_job *job = f->done;
    const uint64_t version = ledger_version(f->conf.ledger);
    struct snapshot *snapshot = job->snapshot;
    enum err err;

    f->done = NULL;
    f->tokens += (uint64_t)job->tokens;
    ledger_forget(f->conf.ledger, job->iteration);
    job->snapshot = NULL;
    err = fleet_say_version(f, snapshot);
    if (!err)
        err = rundir_metrics(f->conf.dir, job->line);
    free(f->metrics);
    f->metrics = json_dumps(job->line, JSON_COMPACT | JSON_REAL_PRECISION(6));
    tell(f, job->line, now_ms);
    tell_flat(f, job->line);
    tell_critic(f, job->line);
    progress_step(f->conf.progress, (int64_t)version, NAN, now_ms); /* tell said more */
    fleet_halt_tell(f, job->line);
    trainer_job_free(job);
    return err;
}

/* A group is durable: what it settled, and what it took back. */
static enum err took(struct fleet *f, int64_t now_ms)
{
    const bool halted = ledger_halted(f->conf.ledger);
    enum err err = ledger_commit_end(f->conf.ledger);

    if (!err && !halted && ledger_halted(f->conf.ledger))
        err = fleet_halt_let_go(f);
    if (!err)
        err = samples_log_flush(f->conf.samples_log);
    if (!err)
        err = fleet_refuse_epoch(f, now_ms);
    f->told = false;
    return err ? err : fleet_say_settled(f);
}

static enum err written(void *self, enum err result, const char *words, int64_t now_ms)
{
    struct fleet *f = ((struct fleet_commit *)self)->fleet;
    struct ledger *l = f->conf.ledger;
    const uint64_t version = ledger_version(l);
    const bool before = samples_log_evaluated(f->conf.samples_log, TASKS_BEFORE);
    const bool after = samples_log_evaluated(f->conf.samples_log, TASKS_AFTER);
    enum err err;

    f->writing = false;
    if (f->closing)
        return OK;
    if (result) /* the disk is full or failing: nothing more can be promised */
        return err_set(result, "%s%s", result == ERR_IO ? "the journal: " : "", words);
    err = took(f, now_ms);
    if (!err && !before && samples_log_evaluated(f->conf.samples_log, TASKS_BEFORE))
        err = evaluated(f, TASKS_BEFORE, 0);
    if (!err && ledger_version(l) > version)
        err = stepped(f, now_ms);
    if (!err && !after && samples_log_evaluated(f->conf.samples_log, TASKS_AFTER))
        err = evaluated(f, TASKS_AFTER, ledger_version(l));
    return err ? err : fleet_train_advance(f, now_ms);
}

/* ---- the compute thread */

static enum err post(struct fleet *f, struct trainer_job *job)
{
    if (worker_post(f->worker, job))
        return OK;
    trainer_job_free(job);
    return err_set(ERR_STATE, "the compute thread takes no work");
}

static bool save_due(const struct fleet *f, int64_t now_ms)
{
    const struct keys *k = &f->conf.keys->keys;
    const uint64_t version = ledger_version(f->conf.ledger);

    if (version == f->saved || trainer_version(f->conf.trainer) != version || f->abandoned)
        return false;
    if (f->draining || ledger_halted(f->conf.ledger) || version == f->conf.plan->iterations)
        return true;
    if (f->conf.plan->shared.save == KEYS_NO)
        return false;
    return (f->conf.plan->shared.save == KEYS_STEPS && k->save_steps > 0 &&
            version % (uint64_t)keys_steps(k->save_steps, (int64_t)f->conf.plan->iterations) ==
                0) ||
           (k->save_minutes > 0 && (double)(now_ms - f->saved_ms) >= k->save_minutes * 6e4);
}

static enum err save(struct fleet *f)
{
    const uint64_t version = ledger_version(f->conf.ledger);
    const enum err err = rundir_owned(f->conf.dir);
    struct trainer_job *job;

    if (err)
        return err;
    job = trainer_job(TRAINER_SAVE, f->snapshots);
    job->keeps = 0;
    for (uint32_t i = 0; i < f->snapshots; i++)
        if (f->snapshot[i]->version.number < version)
            job->keep[job->keeps++] = f->snapshot[i];
    job->iteration = version;
    f->saving = true;
    return post(f, job);
}

/* Before the first iteration: from how many answers the scale is, and what it is. */
static void scale(struct fleet *f)
{
    struct rewards *const rewards = f->conf.rewards;
    const size_t n = samples_log_scale(f->conf.samples_log, rewards);

    for (int i = 0; i < rewards->n; i++)
        if (rewards->reward[i].normalize)
            progress_line(f->conf.progress,
                          "reward %s is normalised: mean %.4g, deviation %.4g of %zu answers "
                          "of the start",
                          rewards->reward[i].name, rewards->reward[i].mean,
                          rewards->reward[i].std, n);
}

static enum err train(struct fleet *f)
{
    const uint64_t iteration = ledger_version(f->conf.ledger);
    struct trainer_job *job = trainer_job(TRAINER_ITERATE, ledger_batch_size(f->conf.ledger));

    trainer_job_flats(job, ledger_flats(f->conf.ledger, iteration, NULL));
    ledger_flats(f->conf.ledger, iteration, job->flat);
    for (uint32_t i = 0; i < job->flats; i++)
        job->flat_prompt[i] = samples_log_prompt(f->conf.samples_log, job->flat[i]->task);
    job->iteration = iteration;
    if (!ledger_batch(f->conf.ledger, iteration, job->sample)) {
        trainer_job_free(job);
        return OK;
    }
    if (f->conf.rewards->normalize && !iteration)
        scale(f);
    for (uint32_t i = 0; i < job->n; i++)
        job->prompt[i] = samples_log_prompt(f->conf.samples_log, job->sample[i]->task);
    f->training = true;
    return post(f, job);
}

static bool may_train(const struct fleet *f)
{
    const struct ledger *l = f->conf.ledger;

    return !f->draining && !ledger_halted(l) && !f->done && !ledger_refusing(l) &&
           ledger_version(l) < f->conf.plan->iterations &&
           (!f->conf.rewards->normalize ||
            samples_log_evaluated(f->conf.samples_log, TASKS_BEFORE)) &&
           ledger_batch(l, ledger_version(l), NULL);
}

/* Draining: an iteration may still end; then what is there is saved. */
static void wind_down(struct fleet *f, int64_t now_ms)
{
    if (f->training && !f->abandoned && now_ms >= f->deadline_ms - MEMBER_DRAIN_MS + QUIET_MS) {
        f->abandoned = true;
        trainer_abandon();
    }
    if (!f->training && !f->saving && !f->done && ledger_idle(f->conf.ledger))
        f->finished = true;
}

enum err fleet_train_advance(struct fleet *f, int64_t now_ms)
{
    enum err err = OK;

    if (!f->writing && ledger_commit_begin(f->conf.ledger, &f->commit.group)) {
        f->writing = true;
        f->commit.dir = f->conf.dir;
        f->commit.fleet = f;
        err = loop_work(member_loop(f->member), write_group, written, &f->commit);
    }
    if (!err && !f->training && !f->saving && !f->done) {
        if (save_due(f, now_ms))
            err = save(f);
        else if (may_train(f))
            err = train(f);
    }
    if (f->draining)
        wind_down(f, now_ms);
    return err;
}

static enum err saved(struct fleet *f, const struct trainer_job *job, int64_t now_ms)
{
    f->saving = false;
    if (job->err)
        return err_set(job->err, "checkpoint: %s", job->words);
    f->saved = job->iteration;
    f->saved_ms = now_ms;
    return fleet_train_advance(f, now_ms);
}

enum err fleet_train_given(void *self, void *given, int64_t now_ms)
{
    struct fleet *f = self;
    struct trainer_job *job = given;
    enum err err;

    if (job->kind == TRAINER_SAVE) {
        err = saved(f, job, now_ms);
        trainer_job_free(job);
        return err;
    }
    f->training = false;
    if (job->err && job->lies && !f->abandoned) {
        fleet_refuse_false(f, job);
        trainer_job_free(job);
        return fleet_train_advance(f, now_ms);
    }
    if (job->err) {
        err = f->abandoned ? OK : err_set(job->err, "%s", job->words);
        trainer_job_free(job);
        return err ? err : fleet_train_advance(f, now_ms);
    }
    f->done = job;
    complete(f, job, now_ms);
    if (fleet_halt_met(f, job))
        ledger_halt(f->conf.ledger, job->iteration, &job->snapshot->version.hash);
    else
        ledger_step(f->conf.ledger, job->iteration, &job->snapshot->version.hash);
    return fleet_train_advance(f, now_ms);
}
