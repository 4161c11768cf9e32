/* transcript: a prompt or an answer, string or messages, as plain text for a judge to read. */

#ifndef REWARD_JUDGE_TRANSCRIPT_H
#define REWARD_JUDGE_TRANSCRIPT_H

#include <jansson.h>

/* A string is itself; a single message its content; several become "User: ..." paragraphs,
 * tool calls as JSON. NULL for anything else. Freed with free(). */
char *transcript_of(const json_t *value);

#endif
