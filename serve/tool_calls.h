/* tool_calls: calls of tools in what a model wrote.
 *
 * Two ways of writing are read: <tool_call>{"name", "arguments"}</tool_call>, any number of them
 * behind the text (Qwen, Hermes, SmolLM3), and a text that is nothing but {"name", "parameters"}
 * or {"name", "arguments"} of a tool that was offered (Llama 3). Anything else is text. */

#ifndef SERVE_TOOL_CALLS_H
#define SERVE_TOOL_CALLS_H

#include <jansson.h>
#include <stddef.h>

#define TOOL_CALLS_OPEN "<tool_call>"

/* Where a call may begin in a text that still grows: bytes before that are text in any case; n if
 * nothing looks like one. */
size_t tool_calls_begin(const char *text, size_t n);

/* The calls as OpenAI's interface has them, a new list, and *before: bytes of the text that stand
 * before them; NULL: there is none, or one cannot be read, and all of it is text. `id` makes the
 * calls' names differ from other answers'. */
json_t *tool_calls_read(const char *text, size_t n, const json_t *tools, const char *id,
                        size_t *before);

#endif
