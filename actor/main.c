/* drover-actor: decodes rollouts for whichever run its broker serves.
 *
 *     drover-actor --broker tcp://head:5555 --key worker.key
 *
 * and nothing else: model, tokenizer and weights arrive over the wire, by hash. Two threads:
 * the loop owns sockets and time, compute owns the model. */

#include "actor/actor.h"
#include "actor/compute.h"
#include "lm/kernel/cores.h"
#include "lm/kernel/isa.h"
#include "member/member.h"

struct actor_options {
    struct member_options member;
    char *serve;
    int slots;
};

static const struct conf_key keys[] = {
    CONF_INT(actor_options, slots, "16", 1, 256, "sequences decoded at once"),
    CONF_TEXT(actor_options, serve, "",
              "tcp://HOST:PORT where other hosts may take weights from this process"),
    CONF_END,
};
static const struct conf_key *const tables[] = {member_keys, keys, NULL};

struct actor_process {
    struct compute *compute;
    struct actor *actor;
};

static enum err decode(void *self, struct worker *worker)
{
    cores_thread();
    return compute_main(((struct actor_process *)self)->compute, worker);
}

static enum err given(void *self, void *item, int64_t now_ms)
{
    return actor_given(((struct actor_process *)self)->actor, item, now_ms);
}

static void meet(void *self, struct member *member, struct worker *worker)
{
    const struct actor_process *p = self;

    actor_meet(p->actor, member, worker);
    actor_listen(p->actor);
}

static enum err run(const void *self)
{
    const struct actor_options *options = self;
    struct actor_process p = {NULL, NULL};
    struct member_work work = {
        /* all leases that credit allows, and what comes with a version */
        .worker = {64 + 2 * (size_t)options->slots, decode, given, compute_item_free, &p},
        .meet = meet,
        .self = &p};
    const int threads = cores_choose(options->member.threads);
    enum err err;

    compute_new(&p.compute, options->slots);
    actor_new(&p.actor, &(struct actor_conf){options->slots, p.compute, (size_t)256 << 20});
    work.conf = (struct member_conf){.role = ROLE_ACTOR,
                                     .isa = isa_current()->name,
                                     .threads = threads,
                                     .serve = options->serve,
                                     .hello = actor_hello,
                                     .hb = actor_hb,
                                     .got = actor_got,
                                     .rebuild = actor_rebuild,
                                     .tick = actor_tick,
                                     .idle = actor_idle,
                                     .self = p.actor};
    err = member_work(&options->member, &work);
    actor_free(p.actor);
    compute_free(p.compute);
    return err;
}

int main(int argc, char **argv)
{
    struct actor_options options = {.slots = 0};

    return member_main("actor", tables, &options, run, argc, argv);
}
