/* chat_known: the template texts that are known, by their SHA-256.
 *
 * A text stands here if tests/golden/chat.py rendered it with transformers and found, for
 * every conversation there, the text that its family makes (tests/golden/chat.z). */

#ifndef LM_TEXT_CHAT_KNOWN_H
#define LM_TEXT_CHAT_KNOWN_H

#include "base/hash.h"
#include "lm/text/chat_family.h"

#include <stdbool.h>

/* SHA-256 of a template without one newline at its end, which Jinja drops, too. */
struct hash chat_known_hash(const char *template_text);

/* False and CHAT_NONE when no text with this hash was tested. */
bool chat_known(enum chat *out, const struct hash *sum);

#endif
