/* origin_order: which of a fleet's pairs people are offered first. */

#ifndef PREFS_ORIGIN_ORDER_H
#define PREFS_ORIGIN_ORDER_H

#include "prefs/origin.h"

/* In which order pairs are offered, from here on: those of `run` written under version `oldest`
 * or a later one before everything else, newest first, since what is judged late teaches nothing;
 * all other pairs after everything else. What a strategy has asked for stays where it is. *moved
 * (may be NULL): pairs that went to the end and still need a judgement. */
enum err prefs_origin_order(struct prefs *prefs, const uint8_t *run, uint64_t oldest,
                            int64_t *moved) MUST_CHECK;

#endif
