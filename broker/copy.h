/* copy: decoded messages live in an arena that is reset; what the broker keeps is copied here.
 *
 * Each copy is one block, pointers included: free() ends it. `*bytes` is its size.
 * Errors: ERR_NOMEM. */

#ifndef BROKER_COPY_H
#define BROKER_COPY_H

#include "proto/noun.h"

#include <stddef.h>

enum err copy_task(struct task **out, size_t *bytes, const struct task *in) MUST_CHECK;
enum err copy_rollout(struct rollout **out, size_t *bytes, const struct rollout *in) MUST_CHECK;
enum err copy_scorers(struct scorer **out, const struct scorer *in, uint32_t n) MUST_CHECK;
enum err copy_artifacts(struct artifact **out, const struct artifact *in,
                        uint32_t n) MUST_CHECK;

/* Do two tasks ask for the same work? */
bool copy_same_task(const struct task *a, const struct task *b);

#endif
