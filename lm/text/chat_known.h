/* chat_known: names for template texts, by their SHA-256.
 *
 * A text stands here if tests/golden/chat.py rendered it with transformers and found, for
 * every conversation there, what the other texts of its name make. Only what people are shown
 * depends on it, and the one byte that TRL's training template of Qwen2.5 marks more. */

#ifndef LM_TEXT_CHAT_KNOWN_H
#define LM_TEXT_CHAT_KNOWN_H

#include "base/hash.h"

/* SHA-256 of a template without one newline at its end, which Jinja drops, too. */
struct hash chat_known_hash(const char *template_text);

/* NULL when no text with this hash was tested. */
const char *chat_known(const struct hash *sum);

#endif
