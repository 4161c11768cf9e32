/* From keys to the point at which the fleet may be asked. The order matters: the folder is locked
 * first, so that nobody else writes there; models give the tokenizer that reads the prompts,
 * prompts give the numbers that the plan needs, and the seal compares all of them with what the
 * folder's run began with. Up to there nothing durable was made but the folder and artifacts,
 * which an error takes away again; then come weights (of the newest checkpoint that is whole)
 * and the journal, whose durable samples are told to samples_log as they are read. */

#include "learner/context/run_open.h"

#include "base/fs.h"
#include "base/mem.h"
#include "learner/context/run_plan.h"
#include "learner/context/run_refresh.h"
#include "learner/journal/scores.h"
#include "learner/run/resume.h"
#include "learner/run/start_model.h"
#include "reward/scorers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- folder and prompts */

static enum err open_folder(struct run_context *c)
{
    const struct keys *k = &c->keys->keys;
    const char *from = k->resume_from_checkpoint;
    enum err err;

    c->checkpoints = mem_print("%s/checkpoints", k->output_dir);
    c->images = mem_print("%s/images", k->output_dir);
    c->journal = mem_print("%s/journal", k->output_dir);
    c->model = mem_print("%s/model", k->output_dir);
    /* there is one journal and one way on from it: no checkpoint can be chosen */
    if (from && strcmp(from, "true") && strcmp(from, "false"))
        return err_set(ERR_RANGE, "resume_from_checkpoint: a run of a fleet goes on from its "
                                  "journal: expected true or false");
    err = rundir_open(&c->dir, k->output_dir);
    if (!err && k->overwrite_output_dir)
        err = rundir_clear(c->dir);
    if (!err && from && !strcmp(from, "false") && fs_exists(c->journal))
        err =
            err_set(ERR_STATE,
                    "output_dir: %s holds a run; resume_from_checkpoint is false: take another "
                    "folder, or say overwrite_output_dir=true",
                    k->output_dir);
    return err ? err : fs_mkdir(c->images);
}

/* Everything that decides which prompts there are and what they become; so the hash of the result
 * speaks of all of it. */
static enum err read_prompts(struct run_context *c, const struct dataset *train,
                             const struct dataset *test)
{
    const struct model_files *policy = c->models->policy;
    const struct prompts_rule rule = {
        .encode = {policy->tokenizer, policy->chat, policy->chat_error,
                   start_model_day(c->config, policy)},
        .vocab = policy->shape.vocab,
        .context = policy->shape.context,
        .scorer_context = c->models->narrowest,
        .tail = (int)c->n_tail,
        .response = c->keys->response_length,
        .response_key = fleet_keys_response(c->plan.method),
        .max_prompt = conf_has_int(c->keys->max_prompt_length) ? c->keys->max_prompt_length : 0,
        .hh = c->keys->keys.format != NULL,
        .strict = c->keys->keys.strict,
        .text = c->plan.rewards.text,
        .shown = c->plan.people.per_iteration > 0,
        .question = c->plan.rewards.question,
        .rewards = &c->plan.rewards,
        .answer = c->plan.method->demonstrations,
        .stop = c->stop,
        .n_stop = c->decoding.n_stop,
    };
    enum err err = prompts_read(&c->train, train, 0, &rule);

    if (!err && test && c->plan.eval)
        err = prompts_read(&c->eval, test, (size_t)c->plan.eval, &rule);
    return err;
}

/* Where evaluation prompts come from: a set of their own, the data's test split, or a part held
 * out of it. */
static enum err load_data(struct run_context *c)
{
    struct dataset_conf conf = keys_dataset(&c->keys->keys);
    struct dataset *train = NULL, *test = NULL, *none = NULL;
    const struct dataset_conf own = {.name = c->keys->eval_dataset,
                                     .train = "test",
                                     .test_size = NAN,
                                     .strict = conf.strict};
    enum err err = dataset_load(&train, &test, &conf);

    if (!err && c->keys->eval_dataset) {
        dataset_free(test);
        test = NULL;
        err = dataset_load(&test, &none, &own);
    } else if (!err && !test && c->plan.eval && train->n > 1) {
        /* held out of the training data: a quarter of it at most */
        const size_t most = (train->n + 3) / 4, want = (size_t)c->plan.eval;
        conf.test_size = (double)(want < most ? want : most);
        dataset_free(train);
        err = dataset_load(&train, &test, &conf);
    }
    if (!err)
        err = read_prompts(c, train, test);
    dataset_free(train);
    dataset_free(test);
    dataset_free(none);
    return err;
}

/* ---- what the run is, by hash */

static enum err seal(struct run_context *c)
{
    struct hash_sha256 state;
    struct hash data;

    /* the prompts as they are asked, not the file: a file that only moved is the same data */
    hash_sha256_init(&state);
    prompts_hash(c->train, &state);
    if (c->eval)
        prompts_hash(c->eval, &state);
    data = hash_sha256_end(&state);
    return initial_models_seal(c->models, c->config, &data);
}

/* ---- weights and journal */

/* The first reward model that values states: what reads steps does not. NULL: the policy. */
static enum err critic_params(const struct run_context *c, struct params **out)
{
    enum err err = OK;

    *out = NULL;
    for (int i = 0; c->plan.iteration.critic && !c->plan.critic_zero && i < c->plan.rewards.n;
         i++)
        if (reward_values_states(&c->plan.rewards.reward[i])) {
            err = initial_models_params(c->models, c->models->of_reward[i], out);
            break;
        }
    if (!err &&
        *out) { /* it computes as the policy does, whatever scores with the same weights */
        (*out)->shape.compute = c->plan.shared.compute;
        params_round_all(*out);
    }
    if (!err && *out && c->plan.critic_trunk)
        params_clear(*out, PART_SCORE);
    return err;
}

/* The policy's own numbers, but for the rate: `drover reward`'s. */
static struct refresh_conf refresh_conf(const struct run_context *c)
{
    const struct iteration_conf *const iteration = &c->plan.iteration;
    struct refresh_conf conf = {.models = c->models,
                                .tail = c->tail,
                                .n_tail = c->n_tail,
                                .pairs = iteration->per_device_train_batch_size,
                                .learning_rate = REFRESH_RATE,
                                .max_grad_norm = iteration->max_grad_norm,
                                .adamw = iteration->adamw,
                                .seed = iteration->seed,
                                .training = iteration->training};

    for (int i = 0; i < c->plan.rewards.n; i++)
        if (c->plan.rewards.reward[i].people)
            conf.model = c->models->of_reward[i];
    return conf;
}

/* The learner computes reference log-probabilities itself only where no rewarder does and none that
 * moves is asked for: then it keeps the first version's packed weights, which are mapped anyway. */
static enum err make_trainer(struct run_context *c)
{
    const struct initial_model *first = &c->models->model[0];
    const struct trainer_conf conf = {
        .iteration = &c->plan.iteration,
        .rewards = &c->plan.rewards,
        .checkpoints = c->checkpoints,
        .images = c->images,
        .keep = (size_t)c->keys->keys.save_total_limit,
        .card = c->keys->keys.save_only_model ? c->models->policy : NULL,
        .base = c->keys->keys.model_name_or_path,
        .dtype = c->plan.shared.dtype,
        .lag = c->plan.lag,
        .refresh = refresh_conf(c),
        .reference_shape = c->plan.iteration.reference && !c->plan.iteration.self_reference &&
                                   !c->plan.iteration.follow.every
                               ? &c->models->policy->shape
                               : NULL,
        .reference_image = first->image_bytes,
        .reference_bytes = first->image.bytes};
    struct params *policy = NULL, *critic = NULL;
    enum err err = initial_models_params(c->models, 0, &policy);

    if (!err)
        err = critic_params(c, &critic);
    if (err) {
        params_free(policy);
        return err;
    }
    err = trainer_new(&c->trainer, &conf, policy, critic);
    return err ? err : trainer_load(c->trainer); /* both params are the trainer's now */
}

enum { EARLIER_BYTES = 64 << 20 }; /* 13 million tokens */

/* ledger_conf.durable and undone: for people, and for those who answer the same prompt again. */
static enum err durable(void *self, const struct record_sample *sample)
{
    struct run_context *c = self;

    if (c->earlier)
        earlier_answers_take(c->earlier, sample);
    return samples_log_take(c->samples_log, sample);
}

static enum err undone(void *self, uint64_t task, uint32_t sample)
{
    return samples_log_undone(((struct run_context *)self)->samples_log, task, sample);
}

static enum err open_journal(struct run_context *c)
{
    const struct samples_log_conf log = {.output_dir = c->keys->keys.output_dir,
                                         .tasks = c->tasks,
                                         .train = c->train,
                                         .eval = c->eval,
                                         .tokenizer = c->models->policy->tokenizer,
                                         .rewards = &c->plan.rewards};
    struct ledger_conf ledger = {.path = c->journal,
                                 .tasks = c->tasks,
                                 .base = trainer_version(c->trainer),
                                 .first = c->models->model[0].image.hash,
                                 .run = c->models->run,
                                 .durable = durable,
                                 .undone = undone,
                                 .self = c,
                                 .people = {c->plan.people.per_iteration,
                                            c->plan.people.max_age, c->plan.people.refreshes},
                                 .refreshed = run_refresh_apply,
                                 .self_refreshed = c,
                                 .together = scorers_grouped(&c->plan.rewards),
                                 .flat = c->plan.most ? scores_flat : NULL,
                                 .self_flat = &c->plan.rewards};
    enum err err = samples_log_new(&c->samples_log, &log);

    if (c->keys->earlier_answers)
        earlier_answers_new(&c->earlier, c->tasks, EARLIER_BYTES);
    c->resumed = fs_exists(c->journal); /* ledger_open makes one */
    if (!err)
        err = ledger_open(&c->ledger, &ledger);
    if (!err)
        err = samples_log_flush(c->samples_log);
    return err;
}

/* Tokens that a sequence of the run may have, as far as its keys say. */
static int longest(const struct fleet_keys *keys)
{
    return conf_has_int(keys->max_prompt_length)
               ? keys->max_prompt_length + keys->response_length
               : SHAPE_POSITIONS;
}

enum err run_open(struct run_context *c, const struct fleet_keys *keys)
{
    enum err err;

    c->keys = keys;
    process_stats_new(&c->stats);
    err = open_folder(c);
    if (!err)
        err = initial_models_open(&c->models, &keys->keys, &c->plan.rewards, longest(keys),
                                  c->plan.answers_int8);
    if (!err)
        err = run_plan_decoding(c);
    if (!err)
        err = load_data(c);
    if (!err)
        err = run_plan(c);
    if (!err)
        err = seal(c);
    if (err) { /* nothing was begun: a folder that was made for it goes, too */
        rundir_abandon(c->dir);
        c->dir = NULL;
        return err;
    }
    run_refresh_table(c);
    err = make_trainer(c);
    if (!err)
        err = open_journal(c);
    c->saved = err ? 0 : trainer_version(c->trainer);
    return err;
}
