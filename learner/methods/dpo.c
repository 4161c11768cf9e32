/* dpo: direct preference optimisation by TRL's keys and defaults; objective_dpo.h has the
 * losses. `cdpo` is a loss_type of our own: TRL 1.16's sigmoid ignores label_smoothing, so here
 * that pair of keys is an error. */
#include "learner/methods/direct.h"
#include "learner/objective/objective_dpo.h"

#include <math.h>
#include <stdlib.h>

struct dpo {
    struct direct_keys direct;
    json_t *loss_type, *loss_weights;
    bool no_reference;
    struct objective_dpo_conf loss;
    struct reference_conf reference;
};

static const char *const divergences[] = {"reverse_kl", "forward_kl", "js_divergence",
                                          "alpha_divergence", NULL};

static const struct conf_key table[] = {
    CONF_REAL_AT(dpo, loss.beta, "beta", "0.1", 1e-9, 1e9, "price of a nat from the reference"),
    CONF_TREE(dpo, loss_type,
              "one or a list: sigmoid cdpo robust hinge ipo sigmoid_norm exo_pair nca_pair "
              "bco_pair sppo_hard apo_zero apo_down discopop aot aot_unpaired sft"),
    CONF_TREE(dpo, loss_weights, "a weight for each; 1 each unset"),
    CONF_REAL_AT(dpo, loss.label_smoothing, "label_smoothing", "0", 0, 1,
                 "share of labels taken for wrong: cdpo, robust, exo_pair, aot"),
    CONF_WORD_AT(dpo, loss.divergence, "f_divergence_type", divergences, "reverse_kl",
                 "reverse_kl, forward_kl, js_divergence or alpha_divergence"),
    CONF_REAL_AT(dpo, loss.alpha, "f_alpha_divergence_coef", "0.5", -1e6, 1e6, "its alpha"),
    CONF_BOOL_AT(dpo, loss.use_weighting, "use_weighting", "false",
                 "weight pairs by how likely they are (WPO)"),
    CONF_REAL_AT(dpo, loss.ld_alpha, "ld_alpha", "", 0, 1,
                 "weight of tokens beyond the shorter answer"),
    CONF_REAL_AT(dpo, loss.tau, "discopop_tau", "0.05", 1e-9, 1e9, "temperature of discopop"),
    {"reference_free", CONF_BOOL_, offsetof(struct dpo, no_reference), "false", 0, 1,
     "as if the reference gave every answer the same", NULL, NULL},
    CONF_END};

static const struct conf_key *const tables[] = {
    table, direct_table, direct_table_reference, keys_table_shared, keys_table_ignored, NULL};

static enum err add_term(struct objective_dpo_conf *out, const char *word)
{
    const char *words[DPO_KINDS + 1] = {0};
    int kind;
    enum err err;

    for (int i = 0; i < DPO_KINDS; i++)
        words[i] = objective_dpo_name((enum objective_dpo_kind)i);
    err = conf_word(&kind, "loss_type", word ? word : "", words);
    if (err)
        return err;
    if (out->terms == DPO_KINDS)
        return err_set(ERR_RANGE, "loss_type: more than %d", (int)DPO_KINDS);
    out->term[out->terms].kind = (enum objective_dpo_kind)kind;
    out->term[out->terms++].weight = 1;
    return OK;
}

static enum err read_types(struct objective_dpo_conf *out, const json_t *types)
{
    enum err err = OK;

    if (!types)
        return add_term(out, "sigmoid");
    if (json_is_string(types))
        return add_term(out, json_string_value(types));
    for (size_t i = 0; i < json_array_size(types) && !err; i++)
        err = add_term(out, json_string_value(json_array_get(types, i)));
    if (!err && !out->terms)
        err = err_set(ERR_RANGE, "loss_type: expected a name or a list of names");
    return err;
}

static enum err read_weights(struct objective_dpo_conf *out, const json_t *weights)
{
    const size_t n = json_is_string(weights) ? 1 : json_array_size(weights);

    if (!weights)
        return OK;
    if (n != (size_t)out->terms)
        return err_set(ERR_RANGE, "loss_weights: %zu for %d of loss_type", n, out->terms);
    for (size_t i = 0; i < n; i++) {
        const char *text =
            json_string_value(json_is_string(weights) ? weights : json_array_get(weights, i));
        char *end = NULL;
        const double value = text ? strtod(text, &end) : (double)NAN;
        if (!text || end == text || *end || !isfinite(value))
            return err_set(ERR_PARSE, "loss_weights: '%s' is not a number", text ? text : "");
        out->term[i].weight = value;
    }
    return OK;
}

/* Whether label_smoothing fits the loss. */
static enum err check_smoothing(enum objective_dpo_kind kind, double e, bool alone)
{
    static const bool smooth[DPO_KINDS] = {[DPO_CDPO] = true,
                                           [DPO_ROBUST] = true,
                                           [DPO_EXO] = true,
                                           [DPO_AOT] = true,
                                           [DPO_AOT_UNPAIRED] = true};

    if (kind == DPO_SIGMOID && e > 0)
        return err_set(ERR_RANGE, "label_smoothing: loss_type sigmoid ignores it; say "
                                  "loss_type=cdpo for the loss that does not");
    if (!smooth[kind] && e > 0 && alone)
        return err_set(ERR_RANGE, "label_smoothing: loss_type %s has none",
                       objective_dpo_name(kind));
    if (kind == DPO_ROBUST && !(e < .5))
        return err_set(ERR_RANGE, "label_smoothing: %g: below 0.5 for loss_type robust", e);
    if (kind == DPO_EXO && !(e > 0 && e < 1))
        return err_set(ERR_RANGE,
                       "label_smoothing: %g: above 0 and below 1 for loss_type exo_pair, such "
                       "as 1e-3",
                       e);
    return OK;
}

/* What goes with one loss and not with another. */
static enum err check_term(const struct objective_dpo_conf *c, enum objective_dpo_kind kind)
{
    const char *name = objective_dpo_name(kind);

    if (c->divergence != DPO_REVERSE_KL && !objective_dpo_bends(kind))
        return err_set(ERR_RANGE, "f_divergence_type: only reverse_kl with loss_type %s", name);
    if (c->use_weighting && kind >= DPO_AOT)
        return err_set(ERR_RANGE, "use_weighting: not with loss_type %s", name);
    return check_smoothing(kind, c->label_smoothing, c->terms == 1);
}

/* The order matters: weights are one for each type, and what a type cannot have is only known
 * with all of them. */
static enum err read_loss(struct dpo *dpo)
{
    struct objective_dpo_conf *const loss = &dpo->loss;
    enum err err = read_types(loss, dpo->loss_type);

    if (!conf_has_real(loss->ld_alpha))
        loss->ld_alpha = 1;
    if (!err)
        err = read_weights(loss, dpo->loss_weights);
    for (int i = 0; i < loss->terms && !err; i++)
        err = check_term(loss, loss->term[i].kind);
    return err;
}

static enum err check(void *method, struct prepare *out)
{
    struct dpo *conf = method;
    const struct objective_dpo_conf *const loss = &conf->loss;
    enum err err = direct_check(out, &conf->direct);

    if (!err)
        err = direct_reference(&conf->reference, &conf->direct);
    if (!err)
        err = read_loss(conf);
    out->objective = &objective_dpo;
    out->objective_conf = loss;
    out->reference = conf->no_reference ? NULL : &conf->reference;
    for (int i = 0; i < loss->terms; i++)
        out->rule.hard = out->rule.hard || loss->term[i].kind == DPO_AOT ||
                         loss->term[i].kind == DPO_AOT_UNPAIRED;
    out->coupled = out->rule.hard;
    return err;
}

const struct method dpo_method = {
    .name = "dpo",
    .help = "direct preference optimisation and its kin, from preference pairs",
    .tables = tables,
    .size = sizeof(struct dpo),
    .check = check};
