/* drover-actor: decodes rollouts for whichever run its broker serves.
 *
 *     drover-actor --broker tcp://head:5555 --key fleet.key
 *
 * and nothing else: model, tokenizer and weights arrive over the wire, by hash. Two threads:
 * the loop owns sockets and time, compute owns the model. */

#include "actor/actor.h"
#include "actor/compute.h"
#include "base/log.h"
#include "member/member.h"
#include "net/worker.h"

#include <omp.h>
#include <stdlib.h>

struct actor_options {
    struct member_options member;
    int slots;
};

static const struct conf_key keys[] = {
    CONF_INT(actor_options, slots, "16", 1, 256, "sequences decoded at once"),
    CONF_END,
};
static const struct conf_key *const tables[] = {member_keys, keys, NULL};

struct process {
    struct compute *compute;
    struct actor *actor;
};

static enum err decode(void *self, struct worker *worker)
{
    return compute_main(((struct process *)self)->compute, worker);
}

static enum err given(void *self, void *item, int64_t now_ms)
{
    return actor_given(((struct process *)self)->actor, item, now_ms);
}

static enum err run(const struct actor_options *options)
{
    struct process p = {NULL, NULL};
    struct member *member = NULL;
    struct worker *worker = NULL;
    enum err err;

    if (options->member.threads)
        omp_set_num_threads(options->member.threads);
    compute_new(&p.compute, options->slots);
    actor_new(&p.actor, &(struct actor_conf){options->slots, p.compute, (size_t)256 << 20});
    err = member_open(&member, &options->member,
                      &(struct member_conf){ROLE_ACTOR, actor_hello, actor_hb, actor_got,
                                            actor_tick, actor_drain, actor_finished, p.actor});
    if (!err)
        err = worker_start(&worker, member_loop(member),
                           &(struct worker_conf){64, decode, given, compute_item_free, &p});
    if (!err) {
        actor_meet(p.actor, member_peer(member), member_fetch(member), worker);
        actor_listen(p.actor);
        err = member_run(member);
    }
    worker_stop(worker);
    member_close(member);
    actor_free(p.actor);
    compute_free(p.compute);
    return err;
}

int main(int argc, char **argv)
{
    struct actor_options options = {.slots = 0};
    bool done;
    enum err err;

    log_open("actor");
    err = member_options(tables, &options, "drover-actor", argc, argv, &done);
    if (!err && !done)
        err = run(&options);
    if (err)
        log_error("exit", "reason=\"%s\"", err_text());
    conf_free(tables, &options);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
