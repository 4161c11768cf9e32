/* drover-rewarder: scores rollouts for whichever run its broker serves.
 *
 *     drover-rewarder --broker tcp://head:5555 --key worker.key
 *
 * Reward models and the reference arrive over the wire, by hash; rules come with the run's
 * scorer table. Two threads: the loop owns sockets and time, score owns the models. */

#include "lm/kernel/cores.h"
#include "lm/kernel/isa.h"
#include "member/member.h"
#include "rewarder/rewarder.h"
#include "rewarder/score.h"

struct rewarder_options {
    struct member_options member;
    char *serve;
    int batch;
};

static const struct conf_key keys[] = {
    CONF_INT(rewarder_options, batch, "16", 1, 1024, "rollouts scored at once, at most"),
    CONF_TEXT(rewarder_options, serve, "",
              "tcp://HOST:PORT where other hosts may take weights from this process"),
    CONF_END,
};
static const struct conf_key *const tables[] = {member_keys, keys, NULL};

struct rewarder_process {
    struct scoring *scoring;
    struct rewarder *rewarder;
};

/* The thread and the loop know one process, and it knows which half each speaks to. */
static enum err score(void *self, struct worker *worker)
{
    cores_thread();
    return score_main(((struct rewarder_process *)self)->scoring, worker);
}

static enum err given(void *self, void *work, int64_t now_ms)
{
    return rewarder_given(((struct rewarder_process *)self)->rewarder, work, now_ms);
}

/* The loop and the thread exist now: the rewarder may speak and post. */
static void meet(void *self, struct member *member, struct worker *worker)
{
    const struct rewarder_process *p = self;

    rewarder_meet(p->rewarder, member, worker);
    rewarder_listen(p->rewarder);
}

/* Builds the two halves, then hands them to member_work, which runs the loop until BYE or a
 * signal. */
static enum err run(const void *self)
{
    const struct rewarder_options *options = self;
    struct rewarder_process p = {NULL, NULL};
    struct member_work work = {
        /* all tickets that credit allows, and models */
        .worker = {64 + 2 * (size_t)options->batch, score, given, score_work_free, &p},
        .meet = meet,
        .self = &p};
    const int threads = cores_choose(options->member.threads);
    enum err err;

    score_new(&p.scoring);
    rewarder_new(&p.rewarder, &(struct rewarder_conf){options->batch, p.scoring});
    work.conf = (struct member_conf){.role = ROLE_REWARDER,
                                     .isa = isa_current()->name,
                                     .threads = threads,
                                     .serve = options->serve,
                                     .hello = rewarder_hello,
                                     .hb = rewarder_hb,
                                     .got = rewarder_got,
                                     .tick = rewarder_tick,
                                     .idle = rewarder_idle,
                                     .self = p.rewarder};
    err = member_work(&options->member, &work);
    rewarder_free(p.rewarder);
    score_free(p.scoring);
    return err;
}

int main(int argc, char **argv)
{
    struct rewarder_options options = {.batch = 0};

    return member_main("rewarder", tables, &options, run, argc, argv);
}
