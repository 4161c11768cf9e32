/* patch_words: a block of an image as its words of 16 bits that are others than in its base, for patch.h:
 * in bfloat16 a step of learning leaves most words as they are, and moves the others by one or two places
 * in the order of their numbers. Three streams of bytes, each packed by itself:
 *
 *   gaps    for each changed word how many before it, since the last one, did not change; 255: that many,
 *           and the word behind them is no changed one yet
 *   steps   for each changed word how far it went: key(of) - key(base) modulo 2^16 as d > 0 ? 2d - 1 : -2d,
 *           where that is at most 255; 0: it is a word of the third stream
 *   words   those, u16, as they are in the image
 *
 * key(w) = w < 2^15 ? w + 2^15 : 2^16 - 1 - w: words in the order of the numbers that they are. */

#ifndef PROTO_PATCH_WORDS_H
#define PROTO_PATCH_WORDS_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATCH_STREAMS = 3, PATCH_WORDS_ROOM = HASH_CHUNK };

struct patch_words {
    uint8_t *stream[PATCH_STREAMS]; /* into PATCH_WORDS_ROOM bytes of its owner's */
    size_t n[PATCH_STREAMS];        /* bytes */
};

void patch_words_new(struct patch_words *words, uint8_t *room);
/* Bytes that a stream of a block of `bytes` has at most, together no more than the room. */
size_t patch_words_most(size_t bytes, int stream);
/* Fills the streams. false: planes are less, since more than half of the words are others, or a quarter
 * of these went far; or the block is no whole number of words. */
bool patch_words_make(struct patch_words *words, const uint8_t *base, const uint8_t *of,
                      size_t bytes);
/* The block of them; streams within their bounds. false: they say too much or too little of it. */
bool patch_words_take(const struct patch_words *words, const uint8_t *base, uint8_t *of,
                      size_t bytes);

#endif
