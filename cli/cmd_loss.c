/* drover loss METHOD: what a method's loss makes of one pair of answers, by hand.
 *
 * How it works: four log-probabilities become a batch of one pair, as a trainer would have it,
 * and the method's own objective computes loss and slopes; all its keys may be given. A list of
 * beta gives a line each. Nothing is trained and no model is read: the figures of an article, or
 * of a log, can be checked on the spot. */
#include "base/config_tree.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "learner/methods/methods.h"
#include "learner/offline/prepare.h"
#include "learner/run/keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loss_conf {
    double chosen, rejected, ref_chosen, ref_rejected;
    int chosen_tokens, rejected_tokens;
    json_t *beta;
};

enum { TOKENS_MAX = 4096, BETAS_MAX = 64, BAR = 40 };

static const struct conf_key keys[] = {
    CONF_REAL(loss_conf, chosen, "", -1e9, 0, "ln p of the better answer under the policy"),
    CONF_REAL(loss_conf, rejected, "", -1e9, 0, "ln p of the worse answer"),
    CONF_REAL(loss_conf, ref_chosen, "", -1e9, 0, "the same under the reference"),
    CONF_REAL(loss_conf, ref_rejected, "", -1e9, 0, "the same under the reference"),
    CONF_INT(loss_conf, chosen_tokens, "1", 1, TOKENS_MAX,
             "tokens of the better answer, where a loss asks (ipo, simpo, orpo)"),
    CONF_INT(loss_conf, rejected_tokens, "1", 1, TOKENS_MAX, "tokens of the worse answer"),
    CONF_TREE(loss_conf, beta, "a number or a list: a line each; the method's own unset"),
    CONF_END,
};

/* A pair as a packed batch: a token before each answer, which is not learnt. */
struct loss_pair {
    int seq[3];
    uint8_t *learn;
    float *logprob, *reference, *slope;
    int n;
};

/* The log-probability is spread evenly: only the sum and the length count for any loss. */
static void side(struct loss_pair *p, int which, int tokens, double logprob, double reference)
{
    p->seq[which] = p->n++;
    for (int i = 0; i < tokens; i++, p->n++) {
        p->learn[p->n] = 1;
        p->logprob[p->n] = (float)(logprob / tokens);
        p->reference[p->n] = (float)(reference / tokens);
    }
    p->seq[which + 1] = p->n;
}

static void pair_free(struct loss_pair *p)
{
    free(p->learn);
    free(p->logprob);
    free(p->reference);
    free(p->slope);
}

/* Chosen first, as every pair of a batch. */
static void pair_make(struct loss_pair *p, const struct loss_conf *c)
{
    const size_t room = (size_t)c->chosen_tokens + (size_t)c->rejected_tokens + 2;

    p->learn = mem_new(room, 1);
    p->logprob = mem_new(room, sizeof(float));
    p->reference = mem_new(room, sizeof(float));
    p->slope = mem_new(room, sizeof(float));
    p->n = 0;
    side(p, 0, c->chosen_tokens, c->chosen, c->ref_chosen);
    side(p, 1, c->rejected_tokens, c->rejected, c->ref_rejected);
}

/* The figure of a metric, NAN when the method has none of that name. */
static double figure(const struct objective_out *out, const char *name)
{
    for (int i = 0; i < out->metrics; i++)
        if (!strcmp(out->metric[i].name, name))
            return out->metric[i].sum / out->metric[i].weight;
    return NAN;
}

/* The slopes are those of an answer's last token, which all of its tokens share. */
static void show(const char *beta, const struct objective_out *out, const struct loss_pair *p,
                 double most)
{
    const int bar = most > 0 ? (int)lround(BAR * out->loss / most) : 0;

    say(stdout, "%-8s %10.6f %10.6f %10.6f %10.6f %11.6f %11.6f  ", beta, out->loss,
        figure(out, "rewards/chosen"), figure(out, "rewards/rejected"),
        figure(out, "rewards/margins"), (double)out->dlogprob[p->seq[1] - 1],
        (double)out->dlogprob[p->seq[2] - 1]);
    for (int i = 0; i < bar && i < BAR; i++)
        putchar('#');
    putchar('\n');
}

/* The method's loss with this beta (NULL: its own). `most` > 0: the line is printed, its bar
 * beside the longest; else the loss alone is handed out. */
static enum err one(const struct method *method, json_t *tree, const char *beta,
                    struct loss_pair *p, double most, double *loss)
{
    void *self = mem_new(1, method->size);
    struct prepare prepare = {.objective = NULL};
    struct objective_out out = {.dlogprob = p->slope};
    struct objective_in in = {.n = p->n,
                              .n_seq = 2,
                              .seq = p->seq,
                              .learn = p->learn,
                              .logprob = p->logprob,
                              .reference = p->reference};
    enum err err;

    if (beta)
        json_object_set_new(tree, "beta", json_string(beta));
    err = conf_load(method->tables, self, tree, NULL);
    if (!err)
        err = method->check(self, &prepare);
    if (!err && (prepare.objective->group != 2 || !prepare.objective->logprob))
        err = err_set(ERR_RANGE,
                      "loss: %s learns no pair by its log-probabilities: there are "
                      "dpo, simpo, orpo and cpo",
                      method->name);
    if (!err) {
        in.normaliser = prepare.objective->count(&in);
        in.step_tokens =
            prepare.objective->count_tokens ? prepare.objective->count_tokens(&in) : 0;
        prepare.objective->run(prepare.objective_conf, &in, &out);
        *loss = out.loss;
        if (most > 0)
            show(beta ? beta : "-", &out, p, most);
    }
    if (method->close)
        method->close(self);
    conf_free(method->tables, self);
    free(self);
    return err;
}

/* Twice: the longest bar is known after the first. */
static enum err all(const struct method *method, json_t *tree, const struct loss_conf *c)
{
    const size_t n = json_array_size(c->beta);
    struct loss_pair p;
    double most = 0, loss = 0;
    enum err err = OK;

    if (n > BETAS_MAX)
        return err_set(ERR_RANGE, "beta: more than %d", (int)BETAS_MAX);
    pair_make(&p, c);
    for (int pass = 0; pass < 2 && !err; pass++) {
        if (pass)
            printf("%-8s %10s %10s %10s %10s %11s %11s\n", "beta", "loss", "chosen", "rejected",
                   "margin", "d/d chosen", "d/d reject.");
        for (size_t i = 0; i < (n ? n : 1) && !err; i++) {
            const char *beta =
                n ? json_string_value(json_array_get(c->beta, i)) : json_string_value(c->beta);
            if (n && !beta)
                err = err_set(ERR_PARSE, "beta: expected a number or a list of numbers");
            else
                err = one(method, tree, beta, &p, pass ? fmax(most, 1e-300) : 0, &loss);
            most = fmax(most, loss);
        }
    }
    pair_free(&p);
    return err;
}

/* Our own keys out of the tree; what is left is the method's. */
static enum err read_conf(struct loss_conf *c, json_t *tree, int argc, char **argv)
{
    const struct conf_key *const tables[] = {keys, NULL};
    json_t *own = json_object();
    enum err err = config_tree_args(tree, argc, argv);

    for (const struct conf_key *k = keys; k->name && !err; k++) {
        json_t *value = json_object_get(tree, k->name);
        if (value)
            json_object_set(own, k->name, value);
        json_object_del(tree, k->name);
    }
    if (!err)
        err = conf_load(tables, c, own, NULL);
    json_decref(own);
    if (!err && (isnan(c->chosen) || isnan(c->rejected)))
        err = err_set(ERR_PARSE, "loss: chosen and rejected are missing: ln p of the answers");
    if (!err && isnan(c->ref_chosen) != isnan(c->ref_rejected))
        err = err_set(ERR_PARSE, "loss: ref_chosen and ref_rejected: give both or none");
    if (isnan(c->ref_chosen)) /* as without a reference */
        c->ref_chosen = c->ref_rejected = 0;
    return err;
}

/* The first word is the method, as where it trains. */
static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    const struct method *method = argc ? methods_find(argv[0]) : NULL;
    struct loss_conf conf = {.beta = NULL};
    json_t *tree;
    enum err err;

    if (!method || !method->check) {
        if (argc)
            say(stderr, "drover loss: '%s' is no method that learns from files\n", argv[0]);
        fprintf(stderr, "usage: drover loss %s\n", command->usage);
        *status = 2;
        return OK;
    }
    tree = json_object();
    err = read_conf(&conf, tree, argc - 1, argv + 1);
    if (!err)
        err = all(method, tree, &conf);
    json_decref(tree);
    command_conf_free(keys, &conf);
    return err;
}

const struct command cmd_loss = {
    .name = "loss",
    .group = "data",
    .usage = "dpo|simpo|orpo|cpo chosen=-12 rejected=-15 [ref_chosen=-13 ref_rejected=-14] "
             "[beta=0.1 | beta=[0.05,0.1,0.5]] [key of the method=value] ...",
    .help = "the loss of one pair of answers, its rewards and slopes, for each beta",
    .run = run,
    .keys = keys,
};
