/* unicode9: characters that Hugging Face's normal forms leave as they are.
 *
 * Their tables (crate unicode-normalization-alignments) are Unicode 9's: what has got a
 * decomposition or a combining class since is a letter like any other there. */

#ifndef LM_TEXT_UNICODE9_H
#define LM_TEXT_UNICODE9_H

#include <stdbool.h>
#include <stdint.h>

/* Has the character one that Unicode 9 does not know? */
bool unicode9_later(uint32_t cp);

#endif
