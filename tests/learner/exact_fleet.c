/* exact_fleet: a world whose best policy is known, for the four real processes.
 *
 *     exact_fleet write FOLDER SEED            model/ (the reference, a Hugging Face folder),
 *                                              prompts.jsonl, run.yaml
 *     exact_fleet worker SEED --broker ADDRESS [--key FILE]
 *                                              the gold reward, as a worker named "gold"
 *     exact_fleet worth SEED FOLDER RUN        what RUN's policy is worth; 0 if it passes
 *
 * SEED with a `v` before it means answers of varied length. The worker knows the table of gold
 * rewards and nothing else of the run; the enumeration reads the weights that the learner
 * wrote. Bounds: at least .95 of the achievable gain, KL(pi || pi*) at most .08 nats. */
#include "tests/learner/toy_world.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "lm/file/model_files.h"
#include "lm/model/packed.h"
#include "member/member.h"
#include "proto/peer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 400, SLOTS = 64 }; /* as many answers as a pipe takes at once */
static const double beta = .5;

static void must(enum err err)
{
    if (err) {
        fprintf(stderr, "exact_fleet: %s\n", err_text());
        exit(1);
    }
}

/* The world of a SEED argument; without steps its reference is not trained. */
static struct toy_world *world(const char *seed, int steps)
{
    const bool varied = *seed == 'v';
    struct toy_world *toy;

    toy_new(&toy, varied, strtoull(seed + varied, NULL, 10), steps);
    return toy;
}

/* ---- write */

/* Each token is a letter; the end token of a varied world is a special one. */
static void make_files(struct model_files *files, const struct toy_world *toy)
{
    static const char *const letter[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    const char *token[8];
    int32_t type[8];
    const struct tokenizer_gguf parts = {.model = "gpt2",
                                         .pre = "gpt-2",
                                         .tokens = (size_t)toy->vocab,
                                         .token = token,
                                         .type = type,
                                         .bos = -1};

    for (int i = 0; i < toy->vocab; i++) {
        token[i] = i == toy->stop ? "<|end|>" : letter[i];
        type[i] = i == toy->stop ? 3 : 1;
    }
    files->chat = NULL;
    files->shape = toy->params->shape;
    files->shape.rope_factor = 1;
    if (toy->stop >= 0) {
        files->shape.eos[0] = toy->stop;
        files->shape.eos_count = 1;
    }
    must(tokenizer_gguf(&files->tokenizer, &parts, "world"));
    must(model_files_make_meta(files));
}

static void write_text(const char *folder, const char *name, const char *text)
{
    char *path = mem_print("%s/%s", folder, name);

    must(fs_write(path, text, strlen(text)));
    free(path);
}

static int write_world(const char *folder, const char *seed)
{
    struct toy_world *toy = world(seed, STEPS);
    struct model_files files = {.shape.vocab = 0};
    char *model = mem_print("%s/model", folder), *prompts = mem_text(""), *run;
    const char *first = toy->stop >= 0 ? "<|end|>" : "h";

    must(fs_mkdir(folder));
    make_files(&files, toy);
    toy->params->shape = files.shape; /* config.json is written from it */
    must(model_files_save(model, &files, toy->params, "float32"));
    for (int p = 0; p < TOY_PROMPTS; p++) {
        char *more = mem_print("%s{\"prompt\": \"%s%c\"}\n", prompts, first, 'a' + p);
        free(prompts);
        prompts = more;
    }
    write_text(folder, "prompts.jsonl", prompts);
    run = mem_print(
        "rewards: [{name: gold, worker: gold}]\ncritic: zero\nseed: %d\nkl_coef: %g\n"
        "stop_token: %s\nresponse_length: %d\ntemperature: 1\neval_prompts: 0\n"
        "total_episodes: 51200\nper_device_train_batch_size: 64\n"
        "gradient_accumulation_steps: 4\nnum_ppo_epochs: 4\nnum_mini_batches: 4\n"
        "learning_rate: 1e-3\nlr_scheduler_type: linear\nwarmup_steps: 0\nadam_epsilon: 1e-5\n"
        "gradient_checkpointing: false\n",
        (int)strtol(seed + (*seed == 'v'), NULL, 10), beta, toy->stop >= 0 ? "eos" : "none",
        toy->longest);
    write_text(folder, "run.yaml", run);
    free(run);
    free(prompts);
    free(model);
    tokenizer_free(files.tokenizer);
    free(files.card);
    toy_free(toy);
    return 0;
}

/* ---- worker */

struct gold {
    const struct toy_world *toy;
    struct peer *peer;
    uint64_t seen, done;
    int unsaid; /* answers since the last HB */
    bool leaving;
};

static void hello(void *self, struct msg_hello *out)
{
    static const struct msg_ability ability = {SCORER_WORKER, "gold"};

    (void)self;
    out->offer = &ability;
    out->n_offer = 1;
    out->slots = SLOTS;
}

static void hb(void *self, struct msg_hb *out)
{
    const struct gold *gold = self;

    out->lease_seen = gold->seen;
    out->progress = gold->done;
    out->credit = gold->leaving ? 0 : SLOTS;
}

static float worth_of(const struct toy_world *toy, const struct msg_item *item)
{
    const int p = item->n_prompt == 2 ? item->prompt[1] : -1;

    if (p < 0 || p >= TOY_PROMPTS || !item->n_token || (int)item->n_token > toy->longest) {
        fprintf(stderr, "gold: task %llu is not of this world\n",
                (unsigned long long)item->task);
        exit(1);
    }
    return (float)toy->reward[p * toy->n + toy_index(toy, item->token, (int)item->n_token)];
}

/* Scores at once: a look into the table. */
static enum err on_ask(void *self, const struct msg *msg, int64_t now_ms)
{
    struct gold *gold = self;
    const struct msg_ask *ask = &msg->ask;
    struct hash *hash = mem_new(ask->n_item, sizeof *hash);
    uint32_t *each = mem_new(ask->n_item, sizeof *each);
    float *value = mem_new(ask->n_item, sizeof *value);
    struct msg answer = {.head.type = MSG_SCORE};
    enum err err;

    for (uint32_t i = 0; i < ask->n_item; i++) {
        hash[i] = ask->item[i].hash;
        each[i] = 1;
        value[i] = worth_of(gold->toy, &ask->item[i]);
    }
    answer.score.ticket = ask->ticket;
    answer.score.score = (struct score){.scorer = ask->scorer,
                                        .rollout = hash,
                                        .each = each,
                                        .n_rollout = ask->n_item,
                                        .value = value,
                                        .n_value = ask->n_item,
                                        .diagnostics = ""};
    gold->seen = ask->ticket > gold->seen ? ask->ticket : gold->seen;
    gold->done += ask->n_item;
    err = peer_send(gold->peer, &answer);
    gold->unsaid += (int)ask->n_item;
    if (gold->unsaid >= SLOTS / 4) { /* there is room again */
        gold->unsaid = 0;
        peer_hb(gold->peer, now_ms);
    }
    free(value);
    free(each);
    free(hash);
    return err == ERR_STATE ? OK : err; /* asked again at the ticket's deadline */
}

static enum err got(void *self, const struct artifact *what, struct shared_memory *shared,
                    int64_t now_ms)
{
    (void)self, (void)what, (void)now_ms;
    shared_memory_free(shared); /* nothing is asked for */
    return OK;
}

static enum err tick(void *self, int64_t now_ms)
{
    (void)self, (void)now_ms;
    return OK;
}

static void drain(void *self, int64_t deadline_ms)
{
    (void)deadline_ms;
    ((struct gold *)self)->leaving = true;
}

static bool finished(const void *self, int64_t now_ms)
{
    (void)now_ms;
    return ((const struct gold *)self)->leaving;
}

static int worker(int argc, char **argv, const char *seed)
{
    static const struct conf_key *const tables[] = {member_keys, NULL};
    struct gold gold = {.toy = world(seed, 0)};
    struct member_options options = {.broker = NULL};
    struct member *member;
    bool done;

    log_open("gold");
    must(member_options(tables, &options, "exact_fleet", argc, argv, &done));
    must(member_open(&member, &options,
                     &(struct member_conf){.role = ROLE_REWARDER,
                                           .hello = hello,
                                           .hb = hb,
                                           .got = got,
                                           .tick = tick,
                                           .drain = drain,
                                           .finished = finished,
                                           .self = &gold}));
    gold.peer = member_peer(member);
    peer_on(gold.peer, MSG_ASK, on_ask, &gold);
    must(member_run(member));
    member_close(member);
    conf_free(tables, &options);
    toy_free((struct toy_world *)(uintptr_t)gold.toy);
    return 0;
}

/* ---- worth */

static struct params *weights(const char *folder, const char *below)
{
    char *path = mem_print("%s%s", folder, below);
    struct model_files *files;
    struct params *params;

    must(model_files_open(&files, path, MODEL_FILES_ALL));
    params = files->params;
    files->params = NULL;
    model_files_free(files);
    free(path);
    return params;
}

static int worth(const char *seed, const char *folder, const char *run)
{
    struct toy_world *toy = world(seed, STEPS);
    struct params *reference = weights(folder, "/model"), *policy = weights(run, "");
    const struct hash was = params_hash(toy->params), now = params_hash(reference);
    struct packed_layout *layout;
    struct model *model;
    struct toy_worth w;
    float *image = NULL;
    double identity;
    bool pass;

    if (!hash_same(&was, &now)) {
        fprintf(stderr, "exact_fleet: the reference on disk is not this world's\n");
        return 1;
    }
    must(packed_layout_new(&layout, &policy->shape));
    must(mem_big(&image, packed_size(&policy->shape), 1, "image"));
    packed_fill(image, layout, policy);
    packed_layout_free(layout);
    must(model_new(&model, &policy->shape, image, packed_size(&policy->shape)));
    toy_worth(&w, toy, model, beta);
    identity = fabs(w.J_best - w.J - beta * w.kl_best);
    pass = w.share >= .95 && w.kl_best <= .08 && identity <= 1e-5 && fabs(w.mass - 1) < 1e-4;
    printf(
        "world %-3s gain %6.3f  KL(pi|pi*) %.4f  KL(pi|ref) %.3f of %.3f  E r %.3f  E len %.2f"
        "  identity %.1e  %s\n",
        seed, w.share, w.kl_best, w.kl, w.kl_opt, w.reward, w.length, identity,
        pass ? "pass" : "FAIL");
    model_free(model);
    free(image);
    params_free(policy);
    params_free(reference);
    toy_free(toy);
    return !pass;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "write"))
        return write_world(argv[2], argv[3]);
    if (argc >= 3 && !strcmp(argv[1], "worker"))
        return worker(argc - 2, argv + 2, argv[2]);
    if (argc == 5 && !strcmp(argv[1], "worth"))
        return worth(argv[2], argv[3], argv[4]);
    fprintf(stderr, "usage: exact_fleet write FOLDER SEED | worker SEED --broker ADDRESS "
                    "[--key FILE] | worth SEED FOLDER RUN\n");
    return 2;
}
