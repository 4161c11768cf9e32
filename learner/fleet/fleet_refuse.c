/* Answers that are not what they say they are end no run: they are refused, by name, and asked
 * for again.
 *
 * One that fails fleet_check was never taken: the broker is told, and takes it back. One whose
 * log-probabilities its weights do not give again was settled before that showed: the trainer
 * has kept nothing of its iteration, the ledger takes it back in a new epoch, and HELLO says
 * so. The broker keeps no disk, so whose answers were refused is said again after each WELCOME,
 * before tasks are opened, so that the same worker does not get them again. */

#include "base/log.h"
#include "base/mem.h"
#include "learner/fleet/fleet_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void show(struct fleet *f, const struct record_refused *r)
{
    const struct rewards *const rewards = f->conf.rewards;
    const struct writer by = record_writer_noun(&r->writer);
    const char *scorer = NULL;

    for (int i = 0; i < rewards->n_table; i++)
        if (hash_same(&rewards->table[i].hash, &r->scorer))
            scorer = rewards->table[i].name;
    progress_line(f->conf.progress,
                  "refused: task %" PRIu64 " sample %u%s%s: %.320s (by %.80s at %.80s, version "
                  "%.80s); it is asked for again",
                  r->task, r->sample, scorer ? ", score " : "", scorer ? scorer : "", r->words,
                  by.name, by.address, by.build);
}

static enum err say(struct fleet *f, const struct record_refused *r)
{
    struct msg msg = {.head.type = MSG_REFUSED,
                      .refused = {.task = r->task,
                                  .sample = r->sample,
                                  .hash = r->hash,
                                  .scorer = r->scorer,
                                  .writer = record_writer_noun(&r->writer),
                                  .words = r->words}};
    const enum err err = peer_send(f->peer, &msg);

    return err == ERR_STATE ? OK : err; /* after the next WELCOME again */
}

enum err fleet_refuse_again(struct fleet *f)
{
    uint32_t n;
    const struct record_refused *const r = ledger_refused(f->conf.ledger, &n);
    enum err err = OK;

    for (uint32_t i = 0; i < n && !err; i++)
        if (r[i].reason != RECORD_GROUP)
            err = say(f, &r[i]);
    return err;
}

static bool known(const struct fleet *f, const struct record_refused *refused)
{
    uint32_t n;
    const struct record_refused *const r = ledger_refused(f->conf.ledger, &n);

    for (uint32_t i = 0; i < n; i++)
        if (r[i].task == refused->task && r[i].sample == refused->sample &&
            hash_same(&r[i].hash, &refused->hash))
            return true;
    return false;
}

enum err fleet_refuse_untaken(struct fleet *f, const struct record_sample *s,
                              const struct hash *scorer, const char *words)
{
    struct record_refused r = {.task = s->task,
                               .sample = s->sample,
                               .reason = RECORD_UNTAKEN,
                               .hash = s->hash,
                               .words = mem_text(words)};
    const struct record_writer *by = &s->writer;
    enum err err;

    for (uint32_t i = 0; scorer && i < s->n_score; i++)
        if (hash_same(&s->score[i].scorer, scorer))
            by = &s->score[i].writer;
    if (scorer)
        r.scorer = *scorer;
    record_writer_copy(&r.writer, by);
    err = say(f, &r);
    if (known(f, &r)) {
        record_fini(JOURNAL_REFUSED, &r);
        return err;
    }
    show(f, &r);
    ledger_refuse(f->conf.ledger, &r);
    return err;
}

enum err fleet_refuse_told(struct fleet *f, const struct msg_refused *m)
{
    struct record_refused r = {.task = m->task,
                               .sample = m->sample,
                               .reason = RECORD_UNTAKEN,
                               .hash = m->hash,
                               .scorer = m->scorer,
                               .words = mem_text(m->words)};

    record_writer_from(&r.writer, &m->writer);
    if (known(f, &r)) {
        record_fini(JOURNAL_REFUSED, &r);
        return OK;
    }
    show(f, &r);
    ledger_refuse(f->conf.ledger, &r);
    return OK;
}

static const struct record_sample *sample_of(const struct trainer_job *job,
                                             const struct iteration_false *lie)
{
    for (uint32_t i = 0; i < job->n; i++)
        if (job->sample[i]->task == lie->task && job->sample[i]->sample == lie->sample)
            return job->sample[i];
    for (uint32_t i = 0; i < job->flats; i++)
        if (job->flat[i]->task == lie->task && job->flat[i]->sample == lie->sample)
            return job->flat[i];
    return NULL;
}

static void take_back(struct fleet *f, const struct trainer_job *job,
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
    show(f, &r);
    ledger_refuse(f->conf.ledger, &r);
}

/* The last first: what one takes back with it lies behind it. */
void fleet_refuse_false(struct fleet *f, const struct trainer_job *job)
{
    for (size_t i = job->lies; i-- > 0;)
        take_back(f, job, &job->lie[i]);
    ledger_refuse_start(f->conf.ledger);
}

/* Who was welcome in its epoch and is fenced is followed by another one, and ends. Who never
 * was stands in a folder that is behind: restored from a copy, or the other one is the copy. */
enum err fleet_refuse_fenced(struct fleet *f, uint64_t epoch, int64_t now_ms)
{
    if (ledger_refusing(f->conf.ledger))
        return OK;
    progress_line(f->conf.progress,
                  "the broker has seen start %" PRIu64 " of this run, this folder has %" PRIu64
                  ": it was restored from a copy, or was copied; it goes on as start %" PRIu64,
                  epoch, f->conf.epoch, (epoch > f->conf.epoch ? epoch : f->conf.epoch) + 1);
    ledger_refuse_above(f->conf.ledger, epoch);
    return fleet_train_advance(f, now_ms);
}

enum err fleet_refuse_epoch(struct fleet *f, int64_t now_ms)
{
    const uint64_t epoch = ledger_epoch(f->conf.ledger);

    if (epoch == f->conf.epoch)
        return OK;
    f->conf.epoch = epoch;
    f->welcome = false;
    log_info("epoch", "epoch=%" PRIu64 " reason=\"answers were refused\"", epoch);
    peer_run(f->peer, &f->conf.models->run, epoch);
    serve_epoch(f->serve, epoch);
    peer_again(f->peer, now_ms);
    return OK;
}
