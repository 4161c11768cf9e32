/* lora: low-rank adapters of a frozen base (Hu et al. 2021, arXiv:2106.09685).
 *
 *   W = W0 + scale B A,   A [r, in], B [out, r],   scale = alpha / r,
 *                         or alpha / sqrt(r) (Kalajdzievski 2023, arXiv:2312.03732)
 *
 * One function makes W: each element of B A is one chain of fused multiply-adds over the rank
 * from +0, times scale, plus W0; where that change is 0 the bits of W0 stay. So an image, a
 * merged file, an actor and the learner hold the same bits, and a fresh adapter (B = 0) is its
 * base. Modules that are trained whole stand beside the pairs (a reward model's score).
 *
 * Names are PEFT's: "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight". */

#ifndef LM_MODEL_LORA_H
#define LM_MODEL_LORA_H

#include "lm/model/lora_words.h"
#include "lm/model/packed.h"

/* What of a base tensor learns: a pair, all of it, or (all NULL) nothing. */
struct lora_site {
    const struct tensor *a, *b, *whole; /* lora->weights' */
};

struct lora {
    struct lora_conf conf;
    float scale;
    const struct params *base; /* borrowed; `data` NULL: its weights lie packed */
    const float *image;        /* there, borrowed: the base's, but for what is trained whole */
    const struct packed_layout *layout; /* the image's */
    struct params *weights;             /* what learns; `data` is NULL in an outline */
    struct lora_site *site;             /* [base->n], as base->tensor */
};

/* What learns, for each weight of the base; `module` is its name without ".weight". */
struct lora_choice {
    enum lora_kind (*of)(void *self, const struct tensor *tensor, const char *module);
    void *self;
};

/* All weights zero but those trained whole, which are the base's. `choice` NULL: by the words
 * of `conf`. Errors: ERR_RANGE (numbers out of range, a word that fits no module or one that
 * cannot carry a pair, nothing to train), ERR_NOMEM. */
enum err lora_new(struct lora **out, const struct params *base, const struct lora_conf *conf,
                  const struct lora_choice *choice) MUST_CHECK;
/* The same on a base whose weights lie packed, in either store: `base` is an outline of them. */
enum err lora_new_packed(struct lora **out, const struct params *base, const float *image,
                         const struct packed_layout *layout,
                         const struct lora_conf *conf) MUST_CHECK;
/* The same without weights, of a base without data: for its count. Errors: as lora_new. */
enum err lora_outline(struct lora **out, const struct params *base,
                      const struct lora_conf *conf,
                      const struct lora_choice *choice) MUST_CHECK;
void lora_free(struct lora *lora);

/* A uniform in +-1/sqrt(in) (PEFT's kaiming_uniform with a = sqrt 5), B zero; the same bits for
 * the same seed on every machine. */
void lora_init(struct lora *lora, uint64_t seed);

/* Puts W of every site into an image that holds the base. */
void lora_pack(const struct lora *lora, float *image, const struct packed_layout *layout);
/* Of those the ones alone that are trained whole. */
void lora_pack_whole(const struct lora *lora, float *image, const struct packed_layout *layout);

/* Rows row..row+n-1 of a weight of the base: where they lie, or put into room [n, cols]. */
const float *lora_base_rows(const struct lora *lora, const struct tensor *tensor, int row,
                            int n, float *room);

/* Rows row..row+n-1 of W of a pair into `to` [n, in], from the same rows of W0: what all that is
 * merged is made by, at most LORA_ROWS at once. `panels`: A as lora_panels packs it, free(). */
enum { LORA_ROWS = 96 };
float *lora_panels(const struct lora *lora, const struct lora_site *site);
void lora_rows(const struct lora *lora, const struct lora_site *site, const float *panels,
               int row, int n, const float *from, float *to);

/* W of every site into f32 weights of the base's shape; may be the base. */
void lora_merge(const struct lora *lora, struct params *params);

/* params_hash of what lora_merge makes. */
struct hash lora_hash(const struct lora *lora);

/* The base's: SHA-256 in name order over what is not trained whole (without such: params_hash).
 */
struct hash lora_base(const struct lora *lora);

/* Site of a weight of the base. */
const struct lora_site *lora_at(const struct lora *lora, const struct tensor *tensor);

#endif
