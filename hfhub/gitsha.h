/* gitsha: SHA-1, by which git names a file's bytes: of "blob", their number and themselves.
 *
 * It tells damage from what was meant. It is no proof against an attacker who can make two
 * files of one hash; large files come with SHA-256. */

#ifndef HFHUB_GITSHA_H
#define HFHUB_GITSHA_H

#include <stddef.h>
#include <stdint.h>

enum { GITSHA_TEXT = 41 };

struct gitsha {
    uint32_t h[5];
    uint64_t n; /* bytes so far */
    uint8_t block[64];
};

void gitsha_init(struct gitsha *state);
void gitsha_add(struct gitsha *state, const void *bytes, size_t n);
/* Lower-case hexadecimal; returns out. */
char *gitsha_end(char out[GITSHA_TEXT], struct gitsha *state);

/* git's name of a file of these bytes. */
char *gitsha_blob(char out[GITSHA_TEXT], const void *bytes, size_t n);

#endif
