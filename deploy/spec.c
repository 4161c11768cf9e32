/* How it works: one branch a role. The learner takes configuration keys (key=value), the
 * others options (--key=value); the learner gets all that the person typed first, and then
 * what the fleet knows better, since the last word of a key counts.
 *
 * What only means something between a parent and its child (descriptors) is not here: local.c
 * adds it. */
#include "deploy/spec.h"

#include "base/mem.h"
#include "deploy/endpoint.h"

#include <stdlib.h>
#include <string.h>

void spec_add(struct spec_told *told, char *word)
{
    told->word = mem_grow(told->word, told->n_words + 2, sizeof *told->word);
    told->word[told->n_words++] = word;
    told->word[told->n_words] = NULL;
}

/* Where it listens are descriptors of its parent's. Another port than its own it has to be told;
 * another host alone everybody knows who has reached it there. */
static void tell_broker(struct spec_told *told, const struct spec *spec)
{
    char host[PLAN_HOST];
    int port = 0;

    spec_add(told, mem_print("--keys=%s", spec->key));
    if (spec->again) /* it keeps nothing, and knows of no run */
        spec_add(told, mem_text("--restarted=true"));
    if (!plan_reached(host, &port, spec->plan) && port)
        spec_add(told, mem_print("--advertise=%s", spec->plan->advertise));
}

/* Last what the fleet knows: of a key that is given twice the later one counts. */
static void tell_learner(struct spec_told *told, const struct spec *spec)
{
    spec_add(told, mem_text(spec->plan->method));
    for (char *const *a = spec->plan->learner; *a; a++)
        spec_add(told, mem_text(*a));
    if (spec->again) /* or it would refuse the folder that it has begun to fill itself */
        spec_add(told, mem_text("overwrite_output_dir=false"));
    spec_add(told, mem_print("broker=%s", spec->fleet->control));
    spec_add(told, mem_print("broker_key=%s", spec->key));
}

/* Names are for people, and for tests: actor-1 is the same one after a restart. */
static void tell_member(struct spec_told *told, const struct spec *spec)
{
    spec_add(told, mem_print("--broker=%s", spec->fleet->control));
    spec_add(told, mem_print("--key=%s", spec->key));
    spec_add(told, mem_print("--name=%s-%d", plan_roles[spec->role], spec->number));
    if (spec->role == PLAN_ACTOR && spec->number == 1 && spec->plan->serve &&
        *spec->plan->serve)
        spec_add(told,
                 mem_print("--serve=%s", spec->plan->serve)); /* one address, one process */
    if (spec->plan->nice)
        spec_add(told, mem_print("--nice=%d", spec->plan->nice));
    if (spec->role == PLAN_ACTOR && spec->plan->slots)
        spec_add(told, mem_print("--slots=%d", spec->plan->slots));
}

/* It may be any program: what it needs to join stands in its environment. */
static void tell_worker(struct spec_told *told, const struct spec *spec)
{
    const struct plan_worker *worker = &spec->plan->worker[(spec->number - 1) % PLAN_WORKERS];

    spec_add(told, mem_text("-c"));
    spec_add(told, mem_text(worker->run));
    told->env[0] = mem_print("DROVER_BROKER=%.*s", (int)strcspn(spec->fleet->control, ","),
                             spec->fleet->control); /* of several the one that answered */
    told->env[1] = mem_print("DROVER_KEY=%s", spec->key);
    told->env[2] = mem_print("DROVER_WORKER=%s", worker->name);
}

/* The DROVER_ISA of actor `number` out of "avx2,avx512,...", or NULL. */
static char *isa_of(const struct plan *plan, int number)
{
    const char *list = plan->actor_isa;
    int n = 1;

    if (!list || !*list)
        return NULL;
    for (const char *p = list; *p; p++)
        n += *p == ',';
    for (int skip = (number - 1) % n; skip; skip--)
        list = strchr(list, ',') + 1;
    return mem_print("DROVER_ISA=%.*s", (int)strcspn(list, ","), list);
}

/* Threads: actors share the cores, whoever works alone may use them all; waiting threads sleep,
 * because processes times threads is more than cores. */
static void tell_environment(struct spec_told *told, const struct spec *spec)
{
    const struct plan *plan = spec->plan;
    const long each = plan->actors > 0 ? spec->cores / plan->actors : 0;

    told->env[0] = mem_text("OMP_WAIT_POLICY=passive");
    if (spec->role == PLAN_LEARNER)
        told->env[1] = mem_text("DROVER_TYPED=drover");
    if (spec->role != PLAN_ACTOR)
        return;
    told->env[1] = mem_print("OMP_NUM_THREADS=%ld", plan->actor_threads ? plan->actor_threads
                                                    : each > 0          ? each
                                                                        : 1);
    told->env[2] = isa_of(plan, spec->number);
}

/* Whatever is told here is told on any machine, and may be shown: the key is a path, not a
 * key. */
void spec_make(struct spec_told *out, const struct spec *spec)
{
    memset(out, 0, sizeof *out);
    spec_add(out, spec->role == PLAN_WORKER ? mem_text("sh")
                                            : mem_print("drover-%s", plan_roles[spec->role]));
    if (spec->role == PLAN_WORKER) {
        tell_worker(out, spec);
        return;
    }
    tell_environment(out, spec);
    if (spec->role == PLAN_BROKER)
        tell_broker(out, spec);
    else if (spec->role == PLAN_LEARNER)
        tell_learner(out, spec);
    else
        tell_member(out, spec);
}

void spec_free(struct spec_told *told)
{
    for (size_t i = 0; i < told->n_words; i++)
        free(told->word[i]);
    free(told->word);
    for (int i = 0; i < SPEC_ENVIRONMENT; i++)
        free(told->env[i]);
    memset(told, 0, sizeof *told);
}
