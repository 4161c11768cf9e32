/* What happens comes in at three entrances, all on the loop's thread: a message or a tick (heard),
 * a group that the disk has (written), a job that the trainer gives back (given). Each changes
 * what it must and ends in `proceed`, the one place that asks fleet_loop what comes next and does
 * it, until there is nothing to do; nothing else calls it, so that no step begins in the middle of
 * another.
 *
 * A sample's way: heard, checked, appended to the journal's pending group; committed with it and
 * settled; in the batch of its iteration, given to the trainer; forgotten when the iteration's
 * STEP is durable. Only then is the version announced: whatever a crash leaves, nobody has heard
 * of weights that the journal does not lead to.
 *
 * Three threads touch a run: this one; the trainer's, which owns policy and critic while it has a
 * job (trainer_version is read only while it rests); and one of libuv's pool, which is lent a
 * struct fleet_commit and touches nothing else. */

#include "learner/fleet/fleet.h"

#include "base/log.h"
#include "base/mem.h"
#include "learner/context/run_people.h"
#include "learner/context/run_refresh.h"
#include "learner/fleet/fleet_disk.h"
#include "learner/fleet/fleet_link.h"
#include "learner/fleet/fleet_loop.h"
#include "learner/fleet/fleet_others.h"
#include "learner/fleet/fleet_people.h"
#include "learner/fleet/fleet_refuse.h"
#include "learner/fleet/fleet_report.h"
#include "learner/fleet/fleet_stop_if.h"
#include "learner/journal/journal.h"
#include "lm/kernel/cores.h"
#include "member/member.h"
#include "net/worker.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUIET_MS = 5000, /* of MEMBER_DRAIN_MS, for an iteration to come to its end */
    LAST_MS = 300,   /* for the words of a disk that failed to leave this machine */
};

/* What libuv's pool is lent while a group is written, and all that it touches. */
struct fleet_commit {
    const struct rundir *dir;
    struct journal_group group;
    struct fleet *fleet; /* for the loop, once it is done */
};

struct fleet {
    struct run_context *run;
    struct fleet_loop loop;
    struct fleet_report report;
    struct fleet_link *link;
    struct fleet_others *others;
    struct fleet_people *people;
    struct worker *worker; /* the trainer's thread */
    struct fleet_commit commit;
    struct fleet_disk disk;
    struct trainer_job *done; /* LOOP_ANNOUNCE: the iteration whose STEP is being written */
    int64_t saved_ms;         /* when the newest checkpoint was */
    bool interrupted;         /* by a person's Ctrl-C */
};

static enum err proceed(struct fleet *f, int64_t now_ms);

/* ---- committing */

static enum err write_group(void *self)
{
    const struct fleet_commit *commit = self;
    const enum err err = rundir_owned(commit->dir);

    return err ? err : journal_commit_write(&commit->group);
}

/* Training ended before its plan: the broker lets go of the tasks behind it. */
static enum err let_go(struct fleet *f)
{
    const struct tasks *const tasks = f->run->tasks;

    return fleet_link_cancel(f->link, tasks_first(tasks, ledger_version(f->run->ledger)),
                             tasks_first(tasks, tasks_plan(tasks)->iterations), "stop_if");
}

/* The iteration's STEP is durable: its version may be announced. */
static enum err announce(struct fleet *f, int64_t now_ms)
{
    struct trainer_job *job = f->done;
    struct snapshot *snapshot = job->snapshot;
    enum err err;

    f->done = NULL;
    fleet_loop_move(&f->loop, LOOP_COLLECT);
    ledger_forget(f->run->ledger, job->iteration);
    job->snapshot = NULL;
    err = fleet_link_version(f->link, snapshot, now_ms);
    if (!err)
        err = fleet_report_step(&f->report, f->run, job, now_ms);
    trainer_job_free(job);
    return err;
}

/* To those who wait for it: actors, whose answers it holds, and people, who judged. */
static enum err tell_durable(struct fleet *f)
{
    const enum err err = fleet_link_settled(f->link);

    return err ? err : fleet_people_settle(f->people, f->link);
}

/* A group is durable: what it settled, what it took back, what it trained. */
static enum err settle(struct fleet *f, int64_t now_ms)
{
    struct run_context *const run = f->run;
    struct ledger *const l = run->ledger;
    const uint64_t version = ledger_version(l);
    const bool before = samples_log_evaluated(run->samples_log, TASKS_BEFORE);
    const bool after = samples_log_evaluated(run->samples_log, TASKS_AFTER);
    const bool halted = ledger_halted(l);
    enum err err = ledger_commit_end(l);

    if (!err && !halted && ledger_halted(l))
        err = let_go(f);
    if (!err)
        err = samples_log_flush(run->samples_log);
    if (!err)
        err = fleet_link_news(f->link, now_ms);
    if (!err)
        err = tell_durable(f);
    if (!err && !before && samples_log_evaluated(run->samples_log, TASKS_BEFORE))
        err = fleet_report_evaluation(run, TASKS_BEFORE, 0);
    if (!err && ledger_version(l) > version)
        err = announce(f, now_ms);
    if (!err && !after && samples_log_evaluated(run->samples_log, TASKS_AFTER))
        err = fleet_report_evaluation(run, TASKS_AFTER, ledger_version(l));
    return err;
}

static enum err end_failed(void *self, int64_t now_ms)
{
    const struct fleet_disk *disk = &((struct fleet *)self)->disk;

    (void)now_ms;
    return err_set(disk->failed, "%s", disk->words);
}

/* The disk is full or failing: nothing more can be promised, and nothing more is begun. Who watches
 * is told before this process ends. */
static enum err disk_failed(struct fleet *f, enum err err, int64_t now_ms)
{
    fleet_disk_fail(&f->disk, err, err_text());
    fleet_link_hb(f->link, now_ms);
    return loop_after(fleet_link_loop(f->link), LAST_MS, end_failed, f);
}

static enum err written(void *self, enum err result, const char *words, int64_t now_ms)
{
    struct fleet *f = ((struct fleet_commit *)self)->fleet;
    enum err err;

    if (f->loop.course == LOOP_CLOSED)
        return OK;
    fleet_disk_end(&f->disk, FLEET_DISK_JOURNAL);
    if (result)
        return disk_failed(
            f, err_set(result, "%s%s", result == ERR_IO ? "the journal: " : "", words), now_ms);
    err = settle(f, now_ms);
    return err ? err : proceed(f, now_ms);
}

/* Lent to the pool until `written`: a disk that takes a second stops no heartbeat. */
static enum err commit(struct fleet *f)
{
    f->commit.dir = f->run->dir;
    f->commit.fleet = f;
    if (!ledger_commit_begin(f->run->ledger, &f->commit.group))
        return OK;
    fleet_disk_begin(&f->disk, FLEET_DISK_JOURNAL);
    return loop_work(fleet_link_loop(f->link), write_group, written, &f->commit);
}

/* ---- the trainer */

/* There is one job at a time, and room for four: a full queue is a bug, and ends the run. */
static enum err post(struct fleet *f, struct trainer_job *job)
{
    if (worker_post(f->worker, job))
        return OK;
    trainer_job_free(job);
    return err_set(ERR_STATE, "the compute thread takes no work");
}

/* A checkpoint, and before it the images of older versions that tasks may still name. */
static enum err store(struct fleet *f)
{
    const uint64_t version = ledger_version(f->run->ledger);
    const enum err err = rundir_owned(f->run->dir);
    struct snapshot *const *snapshot;
    struct trainer_job *job;
    uint32_t n;

    if (err)
        return err;
    snapshot = fleet_link_versions(f->link, &n);
    job = trainer_job(TRAINER_SAVE, n);
    job->n_keep = 0;
    for (uint32_t i = 0; i < n; i++)
        if (snapshot[i]->version.number < version)
            job->keep[job->n_keep++] = snapshot[i];
    job->iteration = version;
    fleet_disk_begin(&f->disk, FLEET_DISK_SAVE);
    return post(f, job);
}

static enum err iterate(struct fleet *f)
{
    struct run_context *const run = f->run;
    const struct ledger *const l = run->ledger;
    const uint64_t iteration = ledger_version(l);
    struct trainer_job *job = trainer_job(TRAINER_ITERATE, ledger_batch_size(l));
    bool there;

    job->iteration = iteration;
    there = ledger_batch(l, iteration, job->sample);
    assert(there); /* loop_view.batch said so */
    trainer_job_flats(job, ledger_flats(l, iteration, NULL));
    ledger_flats(l, iteration, job->flat);
    for (uint32_t i = 0; i < job->n_flat; i++)
        job->flat_prompt[i] = run_context_prompt(run, job->flat[i]->task);
    for (uint32_t i = 0; i < job->n; i++)
        job->prompt[i] = run_context_prompt(run, job->sample[i]->task);
    run_people_due(run, job);
    run_refresh_due(run, job);
    if (run->plan.rewards.normalize && !iteration) /* all that the scale is made of is there */
        fleet_report_scale(run, samples_log_scale(run->samples_log, &run->plan.rewards));
    return post(f, job);
}

static enum err stored(struct fleet *f, const struct trainer_job *job, int64_t now_ms)
{
    fleet_loop_move(&f->loop, LOOP_COLLECT);
    fleet_disk_end(&f->disk, FLEET_DISK_SAVE);
    if (job->err)
        return disk_failed(f, err_set(job->err, "checkpoint: %s", job->words), now_ms);
    f->run->saved = job->iteration;
    f->saved_ms = now_ms;
    return OK;
}

/* An iteration that failed: since its answers are false, or because it was abandoned, it is as
 * if it had not been begun; anything else ends the run. */
static enum err not_trained(struct fleet *f, const struct trainer_job *job)
{
    const bool abandoned = f->loop.course == LOOP_ABANDONS;

    fleet_loop_move(&f->loop, LOOP_COLLECT);
    if (job->n_lie && !abandoned)
        fleet_refuse_false(f->run, job);
    else if (!abandoned)
        return err_set(job->err, "%s", job->words);
    return OK;
}

/* Takes the job: it is announced, and freed, once its record is durable. */
static void trained(struct fleet *f, struct trainer_job *job, int64_t now_ms)
{
    const struct hash *const next = &job->snapshot->version.hash;
    uint32_t n;
    struct snapshot *const *const published = fleet_link_versions(f->link, &n);

    fleet_loop_move(&f->loop, LOOP_ANNOUNCE);
    f->done = job;
    fleet_report_complete(&f->report, f->run, job, n ? published[n - 1]->way_bytes : 0, now_ms);
    run_people_note(f->run, job);
    run_refresh_note(f->run, job);
    if (fleet_stop_if_met(f->run, job))
        ledger_halt(f->run->ledger, job->iteration, next);
    else
        ledger_step(f->run->ledger, job->iteration, next);
}

static enum err given(void *self, void *item, int64_t now_ms)
{
    struct fleet *f = self;
    struct trainer_job *job = item;
    enum err err = OK;

    if (job->kind == TRAINER_ITERATE && !job->err) {
        trained(f, job, now_ms);
    } else {
        err = job->kind == TRAINER_SAVE ? stored(f, job, now_ms) : not_trained(f, job);
        trainer_job_free(job);
    }
    return err ? err : proceed(f, now_ms);
}

/* ---- what comes next */

/* Scores that are normalised need their scale first, which the evaluation before training is part
 * of; answers that are about to be taken back must not be learnt from. */
static bool may_train(const struct run_context *run)
{
    const struct ledger *l = run->ledger;

    return !ledger_halted(l) && !ledger_refusing(l) &&
           ledger_version(l) < run->plan.iterations &&
           (!run->plan.rewards.normalize ||
            samples_log_evaluated(run->samples_log, TASKS_BEFORE)) &&
           ledger_batch(l, ledger_version(l), NULL);
}

/* The end of training always; else as the keys say. */
static bool wants_checkpoint(const struct fleet *f, int64_t now_ms)
{
    const struct fleet_plan *const plan = &f->run->plan;
    const struct keys *k = &f->run->keys->keys;
    const uint64_t version = ledger_version(f->run->ledger);

    if (ledger_halted(f->run->ledger) || version == plan->iterations)
        return true;
    if (plan->shared.save == KEYS_NO)
        return false;
    return (plan->shared.save == KEYS_STEPS && k->save_steps > 0 &&
            version % (uint64_t)keys_steps(k->save_steps, (int64_t)plan->iterations) == 0) ||
           (k->save_minutes > 0 && (double)(now_ms - f->saved_ms) >= k->save_minutes * 6e4);
}

/* Only what the state needs is computed: a batch is gathered to see whether it is there. */
static struct loop_view view_of(const struct fleet *f, int64_t now_ms)
{
    const struct run_context *const run = f->run;
    const uint64_t version = ledger_version(run->ledger);
    const bool rests = f->loop.state == LOOP_COLLECT; /* else the trainer's thread is in it */

    return (struct loop_view){.group = ledger_commit_due(run->ledger),
                              .idle = ledger_idle(run->ledger),
                              .batch = rests && may_train(run),
                              .unsaved = rests && version != run->saved &&
                                         trainer_version(run->trainer) == version,
                              .checkpoint = rests && wants_checkpoint(f, now_ms),
                              .settled = run_context_settled(run)};
}

/* One action, which fleet_loop has already counted as begun. */
static enum err act(struct fleet *f, enum loop_action action)
{
    switch (action) {
    case LOOP_COMMIT:
        return commit(f);
    case LOOP_ITERATE:
        return iterate(f);
    case LOOP_STORE:
        return store(f);
    case LOOP_ABANDON:
        trainer_abandon(f->run->trainer);
        break;
    case LOOP_LEAVE:
        fleet_link_leave(f->link);
        break;
    case LOOP_REST:
        break;
    }
    return OK;
}

static enum err proceed(struct fleet *f, int64_t now_ms)
{
    enum loop_action action;
    enum err err = OK;

    if (f->disk.failed) /* it is about to end */
        return OK;
    do {
        const struct loop_view view = view_of(f, now_ms);
        action = fleet_loop_next(&f->loop, &view, now_ms);
        err = act(f, action);
    } while (!err && action != LOOP_REST);
    return err;
}

/* ---- what is heard */

static enum err heard(void *self, enum link_event event, const struct msg *msg, int64_t now_ms)
{
    struct fleet *f = self;
    enum err err = OK;

    switch (event) {
    case LINK_SAMPLE:
        err = fleet_refuse_or_take(f->run, f->link, &msg->sample);
        break;
    case LINK_REFUSED:
        fleet_refuse_told(f->run, &msg->refused);
        break;
    case LINK_FAIL:
        fleet_others_fail(f->others, &msg->fail, now_ms);
        break;
    case LINK_FENCED:
        fleet_refuse_fenced(f->run, msg->head.epoch);
        break;
    case LINK_HEARTBEAT:
        if (!fleet_loop_draining(&f->loop)) /* who leaves starts nothing */
            fleet_others_hear(f->others, fleet_link_loop(f->link), &msg->hb, now_ms);
        err = fleet_people_hear(f->people, f->link, msg);
        break;
    case LINK_PEOPLE:
        err = fleet_people_hear(f->people, f->link, msg);
        break;
    case LINK_TICK:
        fleet_disk_tick(&f->disk, now_ms);
        break;
    }
    return err ? err : proceed(f, now_ms);
}

static void drain(void *self, int64_t deadline_ms)
{
    struct fleet *f = self;

    if (!fleet_loop_draining(&f->loop))
        progress_line(&f->run->progress, "stopping%s",
                      f->loop.state == LOOP_TRAIN
                          ? ": an iteration is under way, it is given some seconds (told "
                            "again: none)"
                          : "");
    fleet_loop_drain(&f->loop, deadline_ms, MEMBER_DRAIN_MS - QUIET_MS);
}

/* ---- the whole */

static enum err compute(void *self, struct worker *worker)
{
    cores_thread();
    return trainer_main(((struct fleet *)self)->run->trainer, worker);
}

/* The trainer first, for it uses what the rest of the run holds; the own actor hears of the end
 * before the loop that watches it is freed. */
static void leave(struct fleet *f)
{
    if (f->loop.state == LOOP_TRAIN || f->loop.state == LOOP_SAVE)
        trainer_abandon(f->run->trainer);
    f->loop.course = LOOP_CLOSED;
    worker_stop(f->worker);
    fleet_others_stop(f->others);
    fleet_link_close(f->link);
    fleet_others_free(f->others);
    fleet_people_free(f->people);
    trainer_job_free(f->done);
    fleet_report_fini(&f->report);
}

/* Besides what every member does at it. */
static enum err interrupted(void *self, int64_t now_ms)
{
    (void)now_ms;
    ((struct fleet *)self)->interrupted = true;
    return OK;
}

enum err fleet_run(struct run_context *run, int64_t now_ms, enum fleet_end *end)
{
    struct fleet *f = mem_new(1, sizeof *f);
    const struct worker_conf worker = {4, compute, given, trainer_job_free, f};
    struct fleet_link_conf link = {.run = run,
                                   .loop = &f->loop,
                                   .report = &f->report,
                                   .disk = &f->disk,
                                   .heard = heard,
                                   .drain = drain,
                                   .self = f};
    enum err err;

    f->run = run;
    f->report.begun_ms = f->report.stepped_ms = f->saved_ms = now_ms;
    fleet_others_new(&f->others, run);
    fleet_people_new(&f->people, run);
    link.own = fleet_others_own(f->others);
    err = fleet_link_open(&f->link, &link, now_ms);
    if (!err)
        err = worker_start(&f->worker, fleet_link_loop(f->link), &worker);
    if (!err)
        err = loop_signal(fleet_link_loop(f->link), SIGINT, interrupted, f);
    if (!err)
        err = fleet_link_run(f->link);
    *end = !fleet_loop_draining(&f->loop) ? FLEET_DONE
           : f->interrupted               ? FLEET_INTERRUPTED
                                          : FLEET_STOPPED;
    leave(f);
    free(f);
    return err;
}
