/* Answers that are not what they say they are end no run: they are refused, by name, and asked
 * for again.
 *
 * One that fails fleet_check was never taken: the broker is told, and takes it back. One whose
 * log-probabilities its weights do not give again was settled before that showed: the trainer
 * has kept nothing of its iteration, the ledger takes it back in a new epoch, and HELLO says
 * so. The broker keeps no disk, so whose answers were refused is said again after each WELCOME,
 * before tasks are opened, so that the same worker does not get them again. */

#include "learner/fleet/fleet_refuse.h"

#include "base/log.h"
#include "base/mem.h"
#include "learner/fleet/fleet_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void show(struct run_context *run, const struct record_refused *r)
{
    const struct rewards *const rewards = &run->plan.rewards;
    const struct writer by = record_writer_noun(&r->writer);
    const char *scorer = NULL;

    for (int i = 0; i < rewards->n_table; i++)
        if (hash_same(&rewards->table[i].hash, &r->scorer))
            scorer = rewards->table[i].name;
    progress_line(&run->progress,
                  "refused: task %" PRIu64 " sample %u%s%s: %.320s (by %.80s at %.80s, version "
                  "%.80s); it is asked for again",
                  r->task, r->sample, scorer ? ", score " : "", scorer ? scorer : "", r->words,
                  by.name, by.address, by.build);
}

/* Already noted: by its bytes, for the sample may come again with others that are false, too. */
static bool known(const struct run_context *run, const struct record_refused *refused)
{
    uint32_t n;
    const struct record_refused *const r = ledger_refused(run->ledger, &n);

    for (uint32_t i = 0; i < n; i++)
        if (r[i].task == refused->task && r[i].sample == refused->sample &&
            hash_same(&r[i].hash, &refused->hash))
            return true;
    return false;
}

static enum err refuse_untaken(struct run_context *run, struct fleet_link *link,
                               const struct record_sample *s, const struct hash *scorer,
                               const char *words)
{
    struct record_refused r = {.task = s->task,
                               .sample = s->sample,
                               .reason = RECORD_UNTAKEN,
                               .hash = s->hash,
                               .words = mem_text(words)};
    const struct record_writer *by = &s->writer;
    enum err err;

    /* a false score is its scorer's, whoever wrote the answer */
    for (uint32_t i = 0; scorer && i < s->n_score; i++)
        if (hash_same(&s->score[i].scorer, scorer))
            by = &s->score[i].writer;
    if (scorer)
        r.scorer = *scorer;
    record_writer_copy(&r.writer, by);
    err = fleet_link_refuse(link, &r);
    if (known(run, &r)) { /* the broker sends it again until it hears: once is enough to note */
        record_fini(JOURNAL_REFUSED, &r);
        return err;
    }
    show(run, &r);
    ledger_refuse(run->ledger, &r);
    return err;
}

void fleet_refuse_told(struct run_context *run, const struct msg_refused *m)
{
    struct record_refused r = {.task = m->task,
                               .sample = m->sample,
                               .reason = RECORD_UNTAKEN,
                               .hash = m->hash,
                               .scorer = m->scorer,
                               .words = mem_text(m->words)};

    record_writer_from(&r.writer, &m->writer);
    if (known(run, &r)) {
        record_fini(JOURNAL_REFUSED, &r);
        return;
    }
    show(run, &r);
    ledger_refuse(run->ledger, &r);
}

static const struct record_sample *sample_of(const struct trainer_job *job,
                                             const struct iteration_false *lie)
{
    for (uint32_t i = 0; i < job->n; i++)
        if (job->sample[i]->task == lie->task && job->sample[i]->sample == lie->sample)
            return job->sample[i];
    for (uint32_t i = 0; i < job->n_flat; i++)
        if (job->flat[i]->task == lie->task && job->flat[i]->sample == lie->sample)
            return job->flat[i];
    return NULL;
}

static void take_back(struct run_context *run, const struct trainer_job *job,
                      const struct iteration_false *lie)
{
    const struct record_sample *const s = sample_of(job, lie);
    struct record_refused r = {
        .task = lie->task, .sample = lie->sample, .reason = RECORD_FALSE};

    if (!s) /* the trainer speaks of what it was given */
        return;
    r.hash = s->hash;
    record_writer_copy(&r.writer, &s->writer);
    r.words =
        mem_print("token %d has log-probability %.9g, version %" PRIu64
                  " gives it %.9g: not the same weights, or not the same bits",
                  lie->token, (double)lie->said, s->span[0].version.number, (double)lie->found);
    show(run, &r);
    ledger_refuse(run->ledger, &r);
}

/* The last first: what one takes back with it lies behind it. */
void fleet_refuse_false(struct run_context *run, const struct trainer_job *job)
{
    for (size_t i = job->n_lie; i-- > 0;)
        take_back(run, job, &job->lie[i]);
    ledger_refuse_start(run->ledger);
}

/* The folder is behind: restored from a copy, or the other one is the copy. Once is enough: a new
 * epoch is on its way to the disk. */
void fleet_refuse_fenced(struct run_context *run, uint64_t epoch)
{
    const uint64_t ours = ledger_epoch(run->ledger);

    if (ledger_refusing(run->ledger))
        return;
    progress_line(&run->progress,
                  "the broker has seen start %" PRIu64 " of this run, this folder has %" PRIu64
                  ": it was restored from a copy, or was copied; it goes on as start %" PRIu64,
                  epoch, ours, (epoch > ours ? epoch : ours) + 1);
    ledger_refuse_above(run->ledger, epoch);
}

/* Everything that shows without the model is looked at before the journal hears of it. */
enum err fleet_refuse_or_take(struct run_context *run, struct fleet_link *link,
                              const struct msg_sample *message)
{
    const struct rollout *r = &message->rollout;
    struct record_sample sample;
    const struct hash *scorer;
    enum err err = OK;

    if (ledger_refusing(run->ledger))
        return OK; /* asked for in an epoch that ends: it comes again if it is still wanted */
    if (!ledger_lacks(run->ledger, r->task, r->sample) ||
        r->task >= tasks_window(run->tasks, ledger_version(run->ledger), 0))
        return OK; /* known: settled says so again with the next heartbeat */
    if (record_sample_from(&sample, message)) { /* the broker joins scores by hash */
        log_warn("sample", "reason=\"%s\"", err_text());
        return OK;
    }
    if (fleet_check(run, message, &sample, &scorer)) {
        err = refuse_untaken(run, link, &sample, scorer, err_text());
        record_fini(JOURNAL_SAMPLE, &sample);
    } else {
        ledger_take(run->ledger, &sample);
    }
    return err;
}
