/* compute_fixture: the compute thread over a real worker and a small model: what is posted, and
 * what comes back. */

#ifndef TESTS_ACTOR_COMPUTE_FIXTURE_H
#define TESTS_ACTOR_COMPUTE_FIXTURE_H

#include "tests/support/test.h"

#include "actor/compute.h"
#include "actor/inflight.h"
#include "base/mem.h"
#include "base/shared_memory.h"
#include "lm/file/model_files.h"
#include "tests/lm/small.h"

enum { RESULTS = 32, WAIT_MS = 20000 };

struct compute_fixture {
    struct loop *loop;
    struct worker *worker;
    struct compute *compute;
    struct compute_item *got[RESULTS];
    int n, want;
    uint32_t begun; /* samples of which it said that they are in slots */
    int64_t until_ms;
    bool late;
    uint32_t golden; /* of the image that was taken last */
    int goldens;     /* images that were */
};

void fixture_open(struct compute_fixture *d, int slots);
void fixture_close(struct compute_fixture *d);
/* Until `want` results are there in all. */
void fixture_await(struct compute_fixture *d, int want);
void fixture_post(struct compute_fixture *d, struct compute_item *item);
void fixture_post_card_of(struct compute_fixture *d, int context);
void fixture_post_card(struct compute_fixture *d);
struct version fixture_version(uint64_t number);
/* Each version has weights of its own. */
struct compute_item *fixture_image(uint64_t number);
void fixture_post_image(struct compute_fixture *d, uint64_t number);
/* Samples first .. first+count-1 of a task. */
void fixture_post_part(struct compute_fixture *d, uint64_t task, uint64_t version,
                       uint32_t first, uint32_t count, uint32_t prompt, uint32_t answer);
void fixture_post_job(struct compute_fixture *d, uint64_t task, uint64_t version,
                      uint32_t samples, uint32_t prompt, uint32_t answer);
const struct compute_item *fixture_find(const struct compute_fixture *d, uint64_t task,
                                        uint32_t sample);
/* The same job by itself in a process that does nothing else gives the same rollout. */
void fixture_same_as_alone(const struct compute_fixture *d, uint64_t task, uint64_t version,
                           uint32_t samples, uint32_t prompt, uint32_t answer);

#endif
