/* chat_template: chat templates of our own, by the names of the families that they render as. */

#ifndef LM_TEXT_CHAT_TEMPLATE_H
#define LM_TEXT_CHAT_TEMPLATE_H

#define CHAT_TEMPLATE_NAMES "chatml, smollm2, qwen2, qwen2.5, llama3, llama3.1, llama3.2"

/* NULL: there is none of this name. */
const char *chat_template(const char *name);

#endif
