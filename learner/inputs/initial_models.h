/* initial_models: what a run started from, kept in its folder by hash: the policy, its card, the reward
 * models. Paths of the configuration are read at the first start only.
 *
 *   OUTPUT_DIR/artifacts/<hash>            the bytes of an artifact
 *   OUTPUT_DIR/artifacts/manifest.json     run id, configuration, data, what each artifact is
 */

#ifndef LEARNER_INPUTS_INITIAL_MODELS_H
#define LEARNER_INPUTS_INITIAL_MODELS_H

#include "learner/run/keys.h"
#include "lm/file/model_files.h"
#include "proto/noun.h"
#include "reward/reward.h"

struct initial_model {
    char name[REWARDS_NAME + 16]; /* "policy", "reward:rm" */
    struct artifact card, image;
    const void *card_bytes, *image_bytes; /* mapped */
};

struct initial_models {
    bool fresh; /* no manifest was there */
    struct id run;
    struct model_files *policy;                  /* its files, without weights */
    struct initial_model model[REWARDS_MAX + 1]; /* the policy first */
    int n_model;
    int narrowest; /* the least context of a reward model; 0: none, or all were read before */
    int of_reward[REWARDS_MAX];     /* index into model, -1: the reward has none */
    struct initial_model refreshed; /* image alone: of a reward model that people taught */
    char *generation;               /* until the card has it (lm/file/model_files.h) */
    json_t *manifest;
    char *folder;
};

/* Reads the manifest, or makes artifacts of the models that the keys name. Every artifact is
 * checked against its hash. longest: tokens of a sequence, at most (model_files_reach); answers_int8: of
 * the shape, where the artifacts are made. Errors: any, in words for the user. */
enum err initial_models_open(struct initial_models **out, const struct keys *keys,
                             const struct rewards *rewards, int longest,
                             bool answers_int8) MUST_CHECK;
void initial_models_close(struct initial_models *models); /* NULL is fine */

/* The first time writes the manifest; later compares: ERR_STATE names what differs. `config`:
 * resolved keys; `data`: hash of all prompts. */
enum err initial_models_seal(struct initial_models *models, const json_t *config,
                             const struct hash *data) MUST_CHECK;

/* Bytes that the run made itself, under their hash; from any thread. Errors: ERR_IO. */
enum err initial_models_keep(const struct initial_models *models, struct artifact *out,
                             const void *bytes, size_t n) MUST_CHECK;
/* Maps such an image of a model into `refreshed`; the one that was there is unmapped. Errors: ERR_IO,
 * ERR_PARSE (damaged). */
enum err initial_models_refresh(struct initial_models *models, int model,
                                const struct hash *image, uint64_t bytes) MUST_CHECK;

/* Its file goes. Errors: ERR_IO. */
enum err initial_models_let_go(const struct initial_models *models,
                               const struct hash *image) MUST_CHECK;

/* f32 weights of a model; of the reward model that the critic starts from. Errors: ERR_PARSE
 * (image and card do not fit together), ERR_NOMEM. */
enum err initial_models_params(const struct initial_models *models, int model,
                               struct params **out) MUST_CHECK;

#endif
