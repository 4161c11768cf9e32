/* What lies between the newest checkpoint and the last announced version was trained before and
 * is trained again, from the journal's samples, before the fleet is asked anything. Since an
 * iteration is a function of state and samples, it gives the announced hash or something else
 * changed, and that ends the run. Metrics behind the checkpoint are cut off and written anew. */

#include "learner/context/run_replay.h"

#include "base/fs.h"
#include "base/mem.h"
#include "learner/context/run_people.h"
#include "learner/context/run_refresh.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One iteration as the journal has it. Its snapshot is kept if tasks may name its version. */
static enum err train_again(struct run_context *c, uint64_t iteration)
{
    struct trainer_job *job = trainer_job(TRAINER_ITERATE, ledger_batch_size(c->ledger));
    const struct hash *want = ledger_hash(c->ledger, iteration + 1);
    char was[HASH_TEXT], now[HASH_TEXT];
    enum err err;

    job->iteration = iteration; /* what teaches nothing was compared before, and is not again */
    if (!ledger_batch(c->ledger, iteration, job->sample)) {
        trainer_job_free(job);
        return err_set(ERR_STATE, "the journal lacks samples of iteration %" PRIu64, iteration);
    }
    for (uint32_t i = 0; i < job->n; i++)
        job->prompt[i] = run_context_prompt(c, job->sample[i]->task);
    run_refresh_at(c, iteration);
    err = run_people_again(c, job);
    if (err) {
        trainer_job_free(job);
        return err;
    }
    trainer_do(c->trainer, job);
    err = job->err;
    if (!err && !hash_same(&job->snapshot->version.hash, want))
        err = err_set(ERR_STATE,
                      "version %" PRIu64 " was announced as %.16s, trained again it is %.16s: "
                      "another machine, another program or changed data",
                      iteration + 1, hash_text(was, want),
                      hash_text(now, &job->snapshot->version.hash));
    if (!err)
        run_people_line(c, job), run_refresh_line(c, job);
    if (!err) /* the line lacks only what the clock said */
        err = rundir_metrics(c->dir, job->line);
    ledger_forget(c->ledger, iteration);
    /* tasks may still name it: the fleet will ask for its image */
    if (!err && iteration + 1 >=
                    tasks_oldest(c->tasks, tasks_first(c->tasks, ledger_version(c->ledger)))) {
        c->snapshot[c->n_snapshot++] = job->snapshot;
        job->snapshot = NULL;
    }
    trainer_job_free(job);
    return err;
}

/* Images of versions up to the checkpoint's that tasks may still name. */
static enum err old_images(struct run_context *c)
{
    const uint64_t version = ledger_version(c->ledger), base = trainer_version(c->trainer);
    const uint64_t low = tasks_oldest(c->tasks, tasks_first(c->tasks, version));
    enum err err = OK;

    /* version 0 is among the initial models; the checkpoint's own is in the trainer, older ones lie
     * beside it (trainer.c: save) */
    for (uint64_t v = low ? low : 1; v <= base && !err; v++) {
        const struct version name = {v, *ledger_hash(c->ledger, v)};
        struct snapshot *s = NULL;
        err =
            v == base ? trainer_snapshot(c->trainer, &s) : trainer_image(c->trainer, &name, &s);
        if (!err && !hash_same(&s->version.hash, &name.hash))
            err = err_set(ERR_STATE,
                          "the checkpoint of version %" PRIu64
                          " does not have the hash that was announced: without it the run "
                          "goes on from an older one (remove it from %s)",
                          v, c->checkpoints);
        if (s)
            c->snapshot[c->n_snapshot++] = s;
    }
    return err;
}

/* An evaluation's line may have been lost with the process: the journal has what it said. */
static enum err evaluation_line(struct run_context *c, enum tasks_kind kind)
{
    char *path = mem_print("%s/metrics.jsonl", c->keys->keys.output_dir), *text = NULL;
    const bool after = kind == TASKS_AFTER;
    json_t *line;
    size_t n = 0;
    enum err err = fs_exists(path) ? fs_read(&text, &n, path, (size_t)1 << 30) : OK;

    if (!err && samples_log_evaluated(c->samples_log, kind) && c->eval &&
        !(text &&
          strstr(text, after ? "\"eval_phase\":\"after\"" : "\"eval_phase\":\"before\""))) {
        line = samples_log_line(c->samples_log, kind, after ? ledger_version(c->ledger) : 0);
        err = rundir_metrics(c->dir, line);
        json_decref(line);
    }
    free(text);
    free(path);
    return err;
}

enum err run_replay(struct run_context *c)
{
    const uint64_t from = trainer_version(c->trainer), to = ledger_version(c->ledger);
    enum err err = rundir_metrics_cut(c->dir, (int64_t)from);

    if (!err)
        err = evaluation_line(c, TASKS_BEFORE);
    if (c->plan.rewards.normalize && to) /* an iteration was trained: all of it came before */
        samples_log_scale(c->samples_log, &c->plan.rewards);
    if (!err)
        err = old_images(c);
    if (c->resumed && to)
        fprintf(stderr,
                "resumed: checkpoint of version %" PRIu64 ", trains %" PRIu64
                " iterations again to version %" PRIu64 "\n",
                from, to - from, to);
    if (ledger_halted(c->ledger))
        fprintf(stderr,
                "resumed: stop_if ended training with version %" PRIu64
                ": what is left is the end of the run\n",
                to);
    for (uint64_t i = from; i < to && !err; i++)
        err = train_again(c, i);
    run_refresh_at(c, UINT64_MAX);
    return err ? err : evaluation_line(c, TASKS_AFTER);
}
