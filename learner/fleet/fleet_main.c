/* The way of a run: keys, then what needs no lock (is it finished already? is there a broker?), then
 * the folder and all that is in it (run_open), what the journal knows trained again (run_replay),
 * the fleet (fleet_run), and the end: model, report, END. Each part may be cut off anywhere and is
 * done again by the next start: END stands in the journal before run.json says finished, and is
 * compared with the weights that are there. */

#include "learner/fleet/fleet_main.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/outlet.h"
#include "base/repo.h"
#include "learner/context/run_open.h"
#include "learner/context/run_people.h"
#include "learner/context/run_replay.h"
#include "learner/fleet/fleet.h"
#include "learner/run/origins.h"
#include "learner/run/peft.h"
#include "learner/run/process_stats.h"
#include "learner/run/report.h"
#include "learner/run/resume.h"
#include "learner/run/start_model.h"
#include "learner/run/stop.h"
#include "lm/kernel/cores.h"
#include "proto/curve.h"
#include "proto/dial.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

/* `processes`: process_stats_json's, given up; or NULL. */
static enum err write_run(struct run_context *c, const char *state, const struct hash *weights,
                          json_t *processes)
{
    char text[HASH_TEXT], id[HASH_TEXT];
    struct hash run = {{0}};
    json_t *json;
    enum err err;

    /* ids are printed as the first half of a hash */
    memcpy(run.byte, c->models->run.byte, sizeof c->models->run.byte);
    hash_text(id, &run)[2 * sizeof c->models->run.byte] = 0;
    json = json_pack(
        "{s:s, s:s, s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:s*, s:s*, s:s*, s:O, s:o*, s:o*}",
        "method", c->plan.method->name, "state", state, "pid", (int)getpid(), "version",
        DROVER_VERSION, "run", id, "epoch", (json_int_t)ledger_epoch(c->ledger), "step",
        (json_int_t)ledger_version(c->ledger), "steps", (json_int_t)c->plan.iterations,
        "written_ms", (json_int_t)clock_wall_ms(), "run_name", c->keys->keys.run_name,
        "weights", weights ? hash_text(text, weights) : NULL, "people",
        c->plan.people.per_iteration ? RUN_PEOPLE_WORDS : NULL, "config", c->config,
        "processes", processes, "hub", repo_record());
    err = rundir_run(c->dir, json);
    json_decref(json);
    return err;
}

/* The model, the report, END. Done twice it gives the same. */
static enum err finish(struct run_context *c)
{
    const struct trainable *policy = trainer_policy(c->trainer);
    const struct hash weights = trainable_hash(policy);
    const struct hash written = peft_hash(policy, c->plan.shared.dtype);
    char now[HASH_TEXT], was[HASH_TEXT], masters[PEFT_COMPUTED];
    struct hash before;
    json_t *processes;
    enum err err = rundir_owned(c->dir);

    outlet_look();
    if (!err)
        err = peft_save(c->model, c->models->policy, policy, c->keys->keys.model_name_or_path,
                        c->plan.shared.dtype);
    /* END was written by a process that did not come to its own end: the weights must be those */
    if (!err && ledger_ended(c->ledger, &before) && !hash_same(&before, &weights))
        err = err_set(ERR_STATE, "the run ended with weights %.16s, now they are %.16s",
                      hash_text(was, &before), hash_text(now, &weights));
    if (!err && !ledger_ended(c->ledger, NULL)) {
        ledger_end(c->ledger, &weights);
        err = ledger_commit(c->ledger); /* here and now: the loop has ended */
    }
    processes =
        process_stats_json(c->stats); /* none, if all was done before this process began */
    if (!err) {
        char *name = mem_print("drover %s", c->plan.method->name);
        err = report_write(c->keys->keys.output_dir,
                           c->keys->keys.run_name ? c->keys->keys.run_name : name, processes);
        free(name);
    }
    if (!err)
        err = trainer_trim(c->trainer);
    if (!err)
        err = write_run(c, "finished", &weights, json_incref(processes));
    if (!err)
        fprintf(stderr, "done: %s  weights %s%s\n", c->model, hash_text(now, &written),
                peft_computed(masters, policy, c->plan.shared.dtype));
    if (!err)
        process_stats_print(processes, stderr);
    json_decref(processes);
    return err;
}

/* Nothing is lost: the journal has every answer, and trains again what no checkpoint has. */
static enum err stopped(struct run_context *c, bool interrupted)
{
    enum err err = rundir_owned(c->dir);

    outlet_look();
    if (!err)
        err = write_run(c, "stopped", NULL, NULL);
    if (!err)
        stop_done(interrupted);
    if (!err)
        fprintf(stderr,
                "stopped at iteration %" PRIu64 " of %" PRIu64
                ", all is kept: the same command goes on from here\n",
                ledger_version(c->ledger), c->plan.iterations);
    return err;
}

static enum err ask_fleet(struct run_context *c, enum fleet_end *end)
{
    const int64_t now_ms = clock_mono_ms();
    enum err err;

    progress_begin(&c->progress, (int64_t)ledger_version(c->ledger),
                   (int64_t)c->plan.iterations, c->keys->keys.disable_tqdm, now_ms);
    err = fleet_run(c, now_ms, end);
    progress_end(&c->progress);
    return err;
}

static enum err run(struct run_context *c)
{
    enum fleet_end end = FLEET_DONE;
    enum err err = run_replay(c);

    if (!err)
        err = ledger_start(c->ledger, &c->models->run);
    if (!err)
        err = write_run(c, "running", NULL, NULL);
    if (!err)
        err = ask_fleet(c, &end);
    if (err)
        return err;
    return end == FLEET_DONE ? finish(c) : stopped(c, end == FLEET_INTERRUPTED);
}

/* The folder's last run was this one and came to its end. */
static bool is_finished(const struct fleet_keys *keys, const json_t *config)
{
    char *path = mem_print("%s/run.json", keys->keys.output_dir);
    char *model = mem_print("%s/model", keys->keys.output_dir);
    json_t *json = json_load_file(path, 0, NULL);
    const char *state = json_string_value(json_object_get(json, "state"));
    const bool done = state && !strcmp(state, "finished") && fs_is_dir(model) &&
                      !resume_same(json_object_get(json, "config"), config);

    json_decref(json);
    free(path);
    free(model);
    return done;
}

/* Before anything is written: is there a broker? A folder that was locked and planned for nothing
 * would be in the way of the next try. */
static enum err reach_broker(const struct fleet_keys *k)
{
    const bool keyed = k->broker_key && *k->broker_key;
    struct curve_keys keys;
    enum err err = keyed ? curve_load(&keys, k->broker_key) : OK;

    if (!err)
        err = dial_knock(k->broker, ZMQ_DEALER, keyed ? &keys : NULL, 1000L * k->broker_wait,
                         NULL);
    curve_wipe(&keys);
    return err;
}

/* What can be said against a run before its folder is touched. */
static enum err check(const struct method *method, struct fleet_keys *k, struct run_context *c,
                      bool *done)
{
    enum err err = fleet_keys_check(&c->plan, method, k);

    if (!err)
        err = start_model_kwargs(&k->keys);
    if (!err && !k->broker)
        err = err_set(ERR_PARSE,
                      "broker is missing: `drover %s` starts a fleet; alone, say "
                      "broker=tcp://head:5555 broker_key=learner.key",
                      method->name);
    if (!err)
        err = rundir_check(k->keys.output_dir);
    if (!err) {
        start_model_kept_day(c->config, &k->keys);
        origins_keep(&k->keys);
    }
    if (!err && !k->keys.overwrite_output_dir)
        err = rundir_method(k->keys.output_dir, method->name);
    *done = !err && !k->keys.overwrite_output_dir && is_finished(k, c->config);
    if (*done)
        fprintf(stderr, "already done: %s/model (overwrite_output_dir=true begins anew)\n",
                k->keys.output_dir);
    return err || *done ? err : reach_broker(k);
}

enum err fleet_main(const struct method *method, int argc, char **argv)
{
    struct fleet_keys *keys = mem_new(1, method->size);
    struct run_context context = {.keys = keys};
    bool done = false;
    enum err err;

    keys->parent_fd = -1;
    err = keys_read(method->tables, keys, argc, argv, NULL);
    if (!err) {
        context.config = keys_resolved(method->tables, keys);
        cores_choose(keys->keys.threads);
        err = check(method, keys, &context, &done);
    }
    if (!err && !done)
        err = run_open(&context, keys);
    if (!err && !done)
        err = run(&context);
    run_context_close(&context);
    conf_free(method->tables, keys);
    free(keys);
    return err;
}
