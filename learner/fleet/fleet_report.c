/* An iteration's line of metrics is made by the trainer, completed here with what only the loop
 * knows (its place in the run, and the clock's part), journaled with its STEP, and written once
 * that is durable: so a line in metrics.jsonl speaks of an iteration that no crash takes back.
 * What a person should hear once (rewards that teach nothing, a critic worse than none) is said
 * when it first shows. */

#include "learner/fleet/fleet_report.h"

#include "learner/fleet/fleet_stop_if.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fleet_report_fini(struct fleet_report *r)
{
    free(r->metrics);
}

enum err fleet_report_evaluation(struct run_context *run, enum tasks_kind kind, uint64_t step)
{
    json_t *line = samples_log_line(run->samples_log, kind, step);
    const enum err err = rundir_metrics(run->dir, line);

    progress_line(&run->progress, "%s training: score %.4f, %.1f tokens an answer",
                  kind == TASKS_BEFORE ? "before" : "after",
                  json_number_value(json_object_get(line, "eval_objective/scores")),
                  json_number_value(json_object_get(line, "eval_completion_length")));
    json_decref(line);
    return err;
}

/* All groups are of equal scores: said once, for it may be what the whole run is like. */
static void tell_flat(struct fleet_report *r, struct run_context *run, const json_t *line)
{
    const json_t *flat = json_object_get(line, "frac_reward_zero_std");

    if (r->told_flat || !run->plan.by_group || !(json_number_value(flat) >= 1) ||
        json_number_value(json_object_get(line, "drover_steps/std")) > 0)
        return;
    r->told_flat = true;
    progress_line(&run->progress,
                  "iteration %" PRIu64 ": the answers to each prompt all score the same: their "
                  "rewards teach nothing (a reward that tells answers apart, more "
                  "num_generations, or prompts neither too easy nor too hard)",
                  ledger_version(run->ledger));
}

/* kl of objective/kl, gain of spin/gain. */
static const char *last_word(const char *metric)
{
    const char *slash = strrchr(metric, '/');

    return slash ? slash + 1 : metric;
}

/* A critic that foretells less than nothing makes advantages of noise: said once. While it
 * learns alone there is nothing to warn of. */
static void tell_critic(struct fleet_report *r, struct run_context *run, const json_t *line)
{
    const double explained = json_number_value(json_object_get(line, "val/explained_variance"));

    if (r->told_critic || !(explained < 0) ||
        (int64_t)ledger_version(run->ledger) <= run->plan.iteration.critic_warmup)
        return;
    r->told_critic = true;
    progress_line(&run->progress,
                  "iteration %" PRIu64 ": the critic explains less than nothing "
                  "(val/explained_variance %.2f): the policy learns from its noise "
                  "(critic_warmup=N: it learns alone first; critic=zero; a higher "
                  "critic_learning_rate)",
                  ledger_version(run->ledger), explained);
}

/* A divergence that nobody computed is not printed as 0. */
static void tell(struct run_context *run, const json_t *line, int64_t now_ms)
{
    const int64_t done = (int64_t)ledger_version(run->ledger);
    const struct method *m = run->plan.method;
    const json_t *divergence = json_object_get(line, m->divergence);
    char left[24], kl[64] = "";

    if (divergence)
        snprintf(kl, sizeof kl, "%.20s %.4f  ", last_word(m->divergence),
                 json_number_value(divergence));
    progress_clock(left, progress_left_ms(&run->progress, done, now_ms));
    progress_line(&run->progress,
                  "iteration %" PRId64 "/%" PRIu64 "  %.20s %.4f  %slength %.1f  "
                  "%.0f tokens/s  %s left",
                  done, run->plan.iterations, m->demonstrations ? last_word(m->score) : "score",
                  json_number_value(json_object_get(line, m->score)), kl,
                  json_number_value(json_object_get(line, "drover_completion_length")),
                  json_number_value(json_object_get(line, "drover_tokens_per_second")), left);
}

/* Of what actors guessed since the iteration before, the share that was right; none where none was guessed. */
static void tell_drafts(struct fleet_report *r, const struct run_context *run, json_t *line)
{
    uint64_t drafted, accepted;

    process_stats_drafts(run->stats, &drafted, &accepted);
    if (drafted > r->drafted)
        json_object_set_new(
            line, "drover_draft_acceptance_rate",
            json_real((double)(accepted - r->accepted) / (double)(drafted - r->drafted)));
    r->drafted = drafted;
    r->accepted = accepted;
}

void fleet_report_complete(struct fleet_report *r, const struct run_context *run,
                           struct trainer_job *job, uint64_t way_bytes, int64_t now_ms)
{
    const uint64_t version = job->iteration + 1;
    /* from the end of the iteration before: waiting for answers is part of it */
    const double seconds = (double)(now_ms - r->stepped_ms) / 1e3;
    const double all = (double)(now_ms - r->begun_ms) / 1e3;

    r->stepped_ms = now_ms;
    tell_drafts(r, run, job->line);
    json_object_set_new(job->line, "epoch",
                        json_real((double)(version * run->plan.batch) / (double)run->train->n));
    if (seconds > 0) {
        json_object_set_new(job->line, "drover_tokens_per_second",
                            json_real((double)job->tokens / seconds));
        json_object_set_new(job->line, "step_time", json_real(seconds));
        json_object_set_new(job->line, "drover_iteration_seconds", json_real(seconds));
        json_object_set_new(job->line, "drover_wait_seconds",
                            json_real(fmax(0, seconds - job->seconds)));
        if (job->writes > 0)
            json_object_set_new(job->line, "drover_generation_peak",
                                json_real((double)job->tokens / seconds / job->writes));
    }
    if (way_bytes) /* of the version before: what led to it was made while this one was */
        json_object_set_new(job->line, "drover_weights_way_bytes",
                            json_integer((json_int_t)way_bytes));
    if (all > 0) /* episodes a second, of this process: what it found done is not its own */
        json_object_set_new(
            job->line, "eps",
            json_real((double)((version - (uint64_t)run->progress.first) * run->plan.batch) /
                      all));
}

/* The file first: what a person reads on the terminal stands in it. */
enum err fleet_report_step(struct fleet_report *r, struct run_context *run,
                           const struct trainer_job *job, int64_t now_ms)
{
    const enum err err = rundir_metrics(run->dir, job->line);

    r->tokens += (uint64_t)job->tokens;
    free(r->metrics);
    r->metrics = json_dumps(job->line, JSON_COMPACT | JSON_REAL_PRECISION(6));
    tell(run, job->line, now_ms);
    tell_flat(r, run, job->line);
    tell_critic(r, run, job->line);
    progress_step(&run->progress, (int64_t)ledger_version(run->ledger), NAN,
                  now_ms); /* tell said more */
    fleet_stop_if_tell(run, job->line);
    return err;
}

void fleet_report_scale(struct run_context *run, size_t answers)
{
    const struct rewards *const rewards = &run->plan.rewards;

    for (int i = 0; i < rewards->n; i++)
        if (rewards->reward[i].normalize)
            progress_line(&run->progress,
                          "reward %s is normalised: mean %.4g, deviation %.4g of %zu answers "
                          "of the start",
                          rewards->reward[i].name, rewards->reward[i].mean,
                          rewards->reward[i].std, answers);
}

void fleet_report_stands(char *out, size_t room, const struct run_context *run,
                         enum loop_state state)
{
    if (state == LOOP_TRAIN)
        snprintf(out, room, "trains iteration %llu",
                 (unsigned long long)ledger_version(run->ledger) + 1);
    else if (state == LOOP_SAVE)
        snprintf(out, room, "writes a checkpoint");
    else
        snprintf(out, room, "waits for answers: task %llu is the first that lacks",
                 (unsigned long long)ledger_watermark(run->ledger));
}
