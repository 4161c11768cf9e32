/* How it works: figures of the machine are there already (machine.h); connections and the hash of
 * a program take time and are made in the loop's pool, on a struct that the loop does not touch
 * until it comes back. The broker's addresses are those that this supervisor uses itself: an
 * order cannot make it dial anything else. */
#include "deploy/checks.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "deploy/crew.h"
#include "deploy/program.h"
#include "deploy/reach.h"
#include "net/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 2, WAIT_MS = 3000, WORDS = 300 };

struct looking {
    struct checks checks;
    struct checks_conf conf;
    json_t *tree;
    struct way {
        char at[256], words[WORDS];
    } way[WAYS];
    char program[HASH_TEXT];
};

/* What the kernels would take (lm/kernel/isa.c). */
static const char *isa(void)
{
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("fma"))
        return "avx512";
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? "avx2" : "scalar";
}

/* Of the actor's own program, beside which in a bundle stands only a script. */
static enum err hash_program(char out[HASH_TEXT])
{
    char *path = NULL, *packed;
    const void *bytes = NULL;
    size_t n = 0;
    struct hash hash;
    enum err err = program_path(&path, "drover-actor");

    if (err)
        return err;
    packed = mem_print("%.*s/elf/drover-actor", (int)(strrchr(path, '/') - path), path);
    err = fs_map(&bytes, &n, fs_exists(packed) ? packed : path);
    if (!err) {
        hash = hash_of(bytes, n);
        hash_text(out, &hash);
        out[16] = 0;
    }
    fs_unmap(bytes, n);
    free(path);
    free(packed);
    return err;
}

/* In the pool. What fails is a finding, not an error. */
static enum err look(void *self)
{
    struct looking *l = self;

    for (int i = 0; i < WAYS; i++)
        if (*l->way[i].at && reach_tcp(l->way[i].at, WAIT_MS))
            snprintf(l->way[i].words, WORDS, "%s", err_text());
    if (hash_program(l->program))
        l->program[0] = 0;
    return OK;
}

/* Back on the loop: only here is the answer put together, since the crew may have changed while
 * the pool was looking and belongs to the loop alone. */
static enum err looked(void *self, enum err result, const char *words, int64_t now_ms)
{
    struct looking *l = self;
    json_t *ways = json_array();

    (void)result, (void)words, (void)now_ms;
    for (int i = 0; i < WAYS; i++)
        if (*l->way[i].at)
            json_array_append_new(
                ways, json_pack("{s:s,s:s}", "at", l->way[i].at, "words", l->way[i].words));
    json_object_set_new(l->tree, "ways", ways);
    json_object_set_new(l->tree, "program", json_string(l->program));
    json_object_set_new(l->tree, "isa", json_string(isa()));
    json_object_set_new(l->tree, "clock_ms", json_integer((json_int_t)clock_wall_ms()));
    l->checks.result = json_dumps(l->tree, JSON_COMPACT);
    if (l->checks.result)
        l->conf.done(l->conf.self, &l->checks);
    free(l->checks.result);
    json_decref(l->tree);
    free(l);
    return OK;
}

/* What the crew knows is copied now; what takes time is left for the pool. */
enum err checks_start(struct loop *loop, const struct checks_conf *conf,
                      const struct msg_admin *order, int64_t now_ms)
{
    struct looking *l = mem_new(1, sizeof *l);
    const struct crew *crew = conf->crew;
    char trouble[MACHINE_WORDS], *figures;
    enum err err;

    l->conf = *conf;
    l->checks.request = order->request;
    l->checks.asker = order->asker;
    snprintf(l->way[0].at, sizeof l->way[0].at, "%.*s", (int)strcspn(conf->control, ","),
             conf->control); /* of several the one that answered first */
    snprintf(l->way[1].at, sizeof l->way[1].at, "%s", conf->bulk);
    machine_trouble(trouble, &crew->machine);
    figures = crew_metrics(crew, now_ms);
    l->tree = figures ? json_loads(figures, 0, NULL) : NULL;
    free(figures);
    if (!l->tree)
        l->tree = machine_json(&crew->machine);
    json_object_set_new(l->tree, "host", json_string(conf->host));
    json_object_set_new(l->tree, "version", json_string(DROVER_VERSION));
    json_object_set_new(l->tree, "trouble", json_string(trouble));
    json_object_set_new(l->tree, "actors", json_integer(crew_wanted(crew, PLAN_ACTOR, 0)));
    json_object_set_new(l->tree, "threads", json_integer(crew->plan->actor_threads));
    err = loop_work(loop, look, looked, l);
    if (err) {
        json_decref(l->tree);
        free(l);
    }
    return err;
}
