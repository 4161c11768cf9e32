/* The thread takes jobs one after another and gives each back: an iteration, which leaves new
 * weights and a copy of them (snapshot) in pages of its own, since actors may read them for as
 * long as they like while the next iteration changes the weights; or a checkpoint, which is
 * written between iterations and so is of one version.
 *
 * An iteration either happens or does not: false answers are found before anything is kept, and
 * then the trainer stands as it stood. One that was abandoned in the middle leaves a trainer that
 * is good for nothing but to be freed: the journal trains it again at the next start.
 *
 * A checkpoint comes with the images of the older versions that tasks may still name: after a
 * crash they are asked for again, and the checkpoint itself holds only the newest. They are
 * written before it, so that a checkpoint that is whole never lacks them, and removed after it. */

#include "learner/train/trainer.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "learner/iteration/iteration.h"
#include "learner/iteration/iteration_state.h"
#include "learner/run/checkpoint.h"
#include "learner/run/peft.h"
#include "learner/run/throughput.h"
#include "learner/train/trainer_gather.h"
#include "learner/train/trainer_line.h"
#include "learner/train/trainer_seconds.h"
#include "net/worker.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct trainer {
    struct trainer_conf conf;
    struct iteration_conf iteration_conf;
    struct iteration_state *state;
    struct model *reference;
    struct trainer_counters counters;
    struct throughput throughput;
    struct shared_memory
        *before; /* the image that the next one is compared with; NULL: not yet */
    struct trainer_seconds seconds; /* of the iteration under way */
    atomic_bool abandoned;
};

void trainer_abandon(struct trainer *t)
{
    atomic_store(&t->abandoned, true);
}

static void watch(void *self, enum iteration_phase phase)
{
    trainer_seconds_at(self, (int)phase);
}

enum err trainer_new(struct trainer **out, const struct trainer_conf *conf,
                     struct params *policy, struct params *critic)
{
    struct trainer *t = mem_new(1, sizeof *t);
    enum err err;

    *out = NULL;
    t->conf = *conf;
    t->iteration_conf = *conf->iteration;
    t->iteration_conf.stop = &t->abandoned;
    t->iteration_conf.at = watch;
    t->iteration_conf.watch = &t->seconds;
    err = iteration_new(&t->state, &t->iteration_conf, policy, critic);
    if (!err && conf->reference_shape)
        err = model_new(&t->reference, conf->reference_shape, conf->reference_image,
                        conf->reference_bytes);
    if (err) {
        trainer_free(t);
        return err;
    }
    throughput_new(&t->throughput, trainable_params(trainer_policy(t)),
                   trainable_lora(trainer_policy(t)) != NULL);
    *out = t;
    return OK;
}

void trainer_free(struct trainer *t)
{
    if (!t)
        return;
    shared_memory_free(t->before);
    model_free(t->reference);
    iteration_free(t->state);
    free(t);
}

/* One that was being written when the process died, or that a disk has damaged, is passed over: the
 * journal trains the rest again from an older one. */
enum err trainer_load(struct trainer *t)
{
    int64_t *steps = NULL;
    size_t n = 0;
    bool found = false;
    enum err err = checkpoint_list(&steps, &n, t->conf.checkpoints);

    for (size_t i = 0; i < n && !err && !found; i++) {
        err = iteration_state_read(t->state, t->conf.checkpoints, steps[i], NULL);
        found = !err;
        if (err ==
            ERR_PARSE) { /* cut off or damaged; any other error would meet the next, too */
            log_warn("checkpoint", "reason=\"%s; an older one is tried\"", err_text());
            err = OK;
        }
    }
    free(steps);
    return err;
}

uint64_t trainer_version(const struct trainer *t)
{
    return (uint64_t)iteration_count(t->state);
}

const struct trainable *trainer_policy(const struct trainer *t)
{
    return iteration_trainable(t->state);
}

const struct trainer_counters *trainer_counters(const struct trainer *t)
{
    return &t->counters;
}

/* ---- images */

static const struct shape *shape_of(const struct trainer *t)
{
    return &trainable_params(trainer_policy(t))->shape;
}

enum err trainer_snapshot(const struct trainer *t, struct snapshot **out)
{
    size_t n;
    const float *image = iteration_image(t->state, &n);
    const struct lora *const lora = trainable_lora(trainer_policy(t));
    enum err err = snapshot_new(out, image, n, trainer_version(t));

    if (!err && lora)
        err = snapshot_adapter(*out, lora);
    if (!err)
        err = snapshot_golden(*out, shape_of(t));
    if (err) {
        snapshot_free(*out);
        *out = NULL;
    }
    return err;
}

static char *image_path(const struct trainer *t, uint64_t number)
{
    return mem_print("%s/%010" PRIu64 ".image", t->conf.images, number);
}

enum err trainer_image(const struct trainer *t, const struct version *version,
                       struct snapshot **out)
{
    char *path = image_path(t, version->number);
    const void *map = NULL;
    size_t n = 0;
    enum err err = fs_map(&map, &n, path);

    *out = NULL;
    if (!err)
        err = snapshot_new(out, map, n, version->number);
    if (!err && !hash_same(&(*out)->version.hash, &version->hash))
        err = err_set(ERR_PARSE, "%s: damaged: it does not have the hash that was announced",
                      path);
    if (!err)
        err = snapshot_golden(*out, shape_of(t));
    if (err) {
        snapshot_free(*out);
        *out = NULL;
    }
    fs_unmap(map, n);
    free(path);
    return err;
}

/* Removes images below what the oldest kept checkpoint may still need. */
static enum err trim_images(const struct trainer *t)
{
    int64_t *steps = NULL;
    size_t n = 0;
    enum err err = checkpoint_list(&steps, &n, t->conf.checkpoints);
    const uint64_t oldest = n ? (uint64_t)steps[n - 1] : 0;
    DIR *dir = err ? NULL : opendir(t->conf.images);
    const struct dirent *entry;

    while (dir && !err && (entry = readdir(dir))) {
        uint64_t number;
        int end = 0;
        /* only names that image_path makes: what else lies there is not ours to remove */
        if (sscanf(entry->d_name, "%" SCNu64 ".image%n", &number, &end) == 1 && end > 0 &&
            !entry->d_name[end] && number + t->conf.lag < oldest) {
            char *path = image_path(t, number);
            err = fs_remove(path);
            free(path);
        }
    }
    if (dir)
        closedir(dir);
    free(steps);
    return err;
}

enum err trainer_trim(const struct trainer *t)
{
    const enum err err = checkpoint_trim(t->conf.checkpoints, t->conf.keep, -1);

    return err ? err : trim_images(t);
}

/* A model that can be used as it is, beside the state that only a learner reads. */
static enum err save_model(const struct trainer *t)
{
    char *path = mem_print("%s/model-%" PRIu64, t->conf.checkpoints, trainer_version(t));
    const enum err err =
        peft_save(path, t->conf.card, trainer_policy(t), t->conf.base, t->conf.dtype);

    free(path);
    return err;
}

/* Images, state, model, and only then what is not needed any more. */
static enum err save(struct trainer *t, const struct trainer_job *job)
{
    /* an iteration that was abandoned left weights of no version */
    enum err err = atomic_load(&t->abandoned)
                       ? err_set(ERR_STATE, "no checkpoint after an abandoned iteration")
                       : OK;

    for (uint32_t i = 0; i < job->n_keep && !err; i++) {
        char *path = image_path(t, job->keep[i]->version.number);
        if (!fs_exists(
                path)) /* the checkpoint before this one wrote it: versions do not change */
            err = fs_write(path, shared_memory_bytes(job->keep[i]->image),
                           shared_memory_size(job->keep[i]->image));
        free(path);
    }
    if (!err)
        err = iteration_state_write(t->state, t->conf.checkpoints, NULL);
    if (!err && t->conf.card)
        err = save_model(t);
    return err ? err : trainer_trim(t);
}

/* ---- an iteration */

static void take_lies(struct trainer_job *job, const struct iteration_state *state)
{
    size_t n;
    const struct iteration_false *const found = iteration_compare_falses(state, &n);

    job->lie = mem_grow(job->lie, job->n_lie + n + 1, sizeof *job->lie);
    if (n)
        memcpy(job->lie + job->n_lie, found, n * sizeof *found);
    job->n_lie += n;
}

/* What is not trained because it teaches nothing had a say in which tasks are. */
static enum err compare_flats(struct trainer *t, struct trainer_job *job)
{
    struct iteration_rollout *const rollout = mem_new(job->n_flat, sizeof *rollout);
    enum err err = OK;

    for (uint32_t i = 0; i < job->n_flat; i++) {
        const struct record_sample *const s = job->flat[i];
        rollout[i] = (struct iteration_rollout){.task = s->task,
                                                .sample = s->sample,
                                                .prompt = job->flat_prompt[i]->token,
                                                .n_prompt = (int)job->flat_prompt[i]->n_token,
                                                .token = s->token,
                                                .n_token = (int)s->n_token,
                                                .mask = s->mask,
                                                .behaviour = s->logprob};
    }
    if (job->n_flat && t->iteration_conf.strict) {
        err = iteration_compare(t->state, rollout, job->n_flat);
        take_lies(job, t->state);
    }
    free(rollout);
    return err;
}

/* Trains the iteration, or finds all of its answers that are false. */
static enum err learn(struct trainer *t, struct trainer_job *job,
                      const struct iteration_rollout *rollout, size_t n,
                      struct iteration_metrics *metrics)
{
    enum err err = compare_flats(t, job);

    if (err)
        return err;
    if (!job->n_lie) { /* it compares as it goes, before the first optimiser step */
        err = iteration_run(t->state, rollout, n, job->n_judged, metrics);
        if (err)
            take_lies(job, t->state);
        return err;
    }
    err = iteration_compare(t->state, rollout, n);
    if (!err)
        take_lies(job, t->state);
    return err ? err : err_set(ERR_STATE, "%zu answers are false", job->n_lie);
}

/* What is learnt in an iteration: prompts and answers, as often as each model that moves passes over
 * them. */
static double learnt(const struct trainer *t, const struct iteration_rollout *rollout, size_t n,
                     uint64_t iteration)
{
    const struct iteration_conf *const conf = &t->iteration_conf;
    const bool critic = conf->critic != NULL,
               waits = critic && (int64_t)iteration < conf->critic_warmup;
    double tokens = 0;

    for (size_t i = 0; i < n; i++)
        tokens += rollout[i].n_prompt + rollout[i].n_token;
    return tokens * conf->epochs * (critic + !waits);
}

/* The image as it is before the first iteration of this process, whose version may lie on disk alone. */
static enum err remember(struct trainer *t)
{
    size_t n;
    const float *image = iteration_image(t->state, &n);
    enum err err;

    if (t->before)
        return OK;
    err = shared_memory_new(&t->before, n, "a version's weights");
    if (!err)
        memcpy(shared_memory_bytes(t->before), image, n);
    return err;
}

/* How fast it was, and how much of what is published has changed. */
static void line_throughput(struct trainer *t, struct trainer_job *job,
                            const struct iteration_rollout *rollout, size_t n)
{
    const bool halves = shape_of(t)->compute != PRECISION_FLOAT32;

    throughput_put(&t->throughput, job->line, learnt(t, rollout, n, job->iteration),
                   job->seconds);
    job->writes = throughput_writes(&t->throughput);
    json_object_set_new(job->line, "drover_weights_changed",
                        json_real(snapshot_changed(job->snapshot, t->before, halves)));
    json_object_set_new(job->line, "drover_weights_bytes",
                        json_integer((json_int_t)shared_memory_size(job->snapshot->image)));
    shared_memory_free(t->before);
    t->before = shared_memory_share(job->snapshot->image);
}

static enum err iterate(struct trainer *t, struct trainer_job *job)
{
    const int64_t begun = clock_mono_ns();
    const size_t rollouts = t->iteration_conf.self_reference ? 2 * (size_t)job->n : job->n;
    struct iteration_rollout *rollout =
        mem_new(rollouts + 2 * (size_t)job->n_judged, sizeof *rollout);
    const struct trainer_gather from = {t->conf.rewards, &t->iteration_conf, t->reference};
    double *part = mem_new(job->n, sizeof *part * (size_t)t->conf.rewards->n);
    struct iteration_metrics metrics = {.n = 0};
    float *reference = NULL;
    enum err err = OK;

    trainer_seconds_begin(&t->seconds);
    job->tokens = 0;
    for (uint32_t i = 0; i < job->n; i++)
        job->tokens += job->sample[i]->n_token;
    if (job->iteration != trainer_version(t)) /* else journal and weights have come apart */
        err = err_set(ERR_STATE, "iteration %" PRIu64 " on weights of version %" PRIu64,
                      job->iteration, trainer_version(t));
    if (!err)
        err = mem_big(&reference, trainer_gather_room(job), sizeof *reference, "reference");
    if (!err)
        err = trainer_gather(&from, job, rollout, reference, part);
    if (!err)
        err = remember(t);
    if (!err)
        err = learn(t, job, rollout, rollouts, &metrics);
    trainer_seconds_at(&t->seconds, TRAINER_PUBLISHES);
    if (!err)
        err = trainer_snapshot(t, &job->snapshot);
    if (!err && job->n_refresh)
        err = refresh_run(&job->refreshed, &t->conf.refresh, job->refresh, job->n_refresh,
                          &t->abandoned);
    if (!err) {
        job->seconds = (double)(clock_mono_ns() - begun) / 1e9;
        job->line = json_pack("{s:I}", "step", (json_int_t)(job->iteration + 1));
        for (int i = 0; i < metrics.n; i++)
            json_object_set_new(job->line, metrics.metric[i].name,
                                json_real(metrics.metric[i].value));
        trainer_line_means(job->line, t->conf.rewards, !t->iteration_conf.critic, job);
        trainer_seconds_put(&t->seconds, job->line);
        line_throughput(t, job, rollout, rollouts);
    }
    free(reference);
    free(part);
    free(rollout);
    return err;
}

/* Words are kept with the job: err_text is a thread's own. */
void trainer_do(struct trainer *t, struct trainer_job *job)
{
    job->err = job->kind == TRAINER_ITERATE ? iterate(t, job) : save(t, job);
    if (job->err)
        snprintf(job->words, sizeof job->words, "%s", err_text());
}

enum err trainer_main(void *self, struct worker *worker)
{
    struct trainer *t = self;
    int64_t since = clock_mono_ns();
    void *job;

    while (worker_take(worker, &job, true)) {
        const int64_t begun = clock_mono_ns();
        /* read by heartbeats while this thread computes */
        atomic_fetch_add(&t->counters.idle_ns, (unsigned long long)(begun - since));
        trainer_do(t, job);
        since = clock_mono_ns();
        atomic_fetch_add(&t->counters.busy_ns, (unsigned long long)(since - begun));
        if (!worker_give(worker, job))
            break;
    }
    return OK;
}
