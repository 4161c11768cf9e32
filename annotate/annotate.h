/* annotate: a page on which people judge answers, and its server over a preference store.
 *
 *   annotate.h  the server: open, turn, close       caller.h   who asks, what is answered
 *   shown.h     an item as the page gets it         said.h     a judgement as the page says it
 *   markdown.h  text of models as harmless HTML     page.h     the page's own files
 *
 * The caller's thread does all work: it takes what requests have come, applies each to the store,
 * makes the store durable once, and only then answers them: "saved" is never said before. */

#ifndef ANNOTATE_ANNOTATE_H
#define ANNOTATE_ANNOTATE_H

#include "annotate/conf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct annotate;

/* Whether `conf` can be served, before anything is made for it; its store is not looked at. Errors:
 * annotate_open's but those of listening. */
enum err annotate_check(const struct annotate_conf *conf) MUST_CHECK;

/* Listens. Errors: ERR_RANGE (an address that others can dial without TLS or proxy: refused;
 * `hosts` missing there), http_start's, fs_read's. */
enum err annotate_open(struct annotate **out, const struct annotate_conf *conf,
                       int64_t now) MUST_CHECK;

/* The address that lets its first visitor in as the owner. A new one once it was used. Borrowed,
 * until the next turn. */
const char *annotate_address(const struct annotate *annotate);

/* The port that it listens on. */
unsigned annotate_port(const struct annotate *annotate);

/* Answers all that has come; waits up to wait_ms for something. *used: the address was used, there
 * is a new one. Errors: none that ends the server: what the disk refuses, its askers are told. */
void annotate_turn(struct annotate *annotate, int64_t wait_ms, int64_t (*now)(void),
                   bool *used);

/* Whoever still waits is told so. NULL is fine. */
void annotate_close(struct annotate *annotate);

#endif
