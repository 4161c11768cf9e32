/* chat_family: the families of chat templates that are rendered here. */

#ifndef LM_TEXT_CHAT_FAMILY_H
#define LM_TEXT_CHAT_FAMILY_H

enum chat {
    CHAT_NONE,
    CHAT_CHATML,
    CHAT_SMOLLM2,
    CHAT_QWEN2,
    CHAT_QWEN25,
    CHAT_LLAMA3,
    CHAT_LLAMA31,
    CHAT_LLAMA32,
    CHATS
};

#define CHAT_DATE "26 Jul 2024" /* Llama 3.1's and 3.2's own, where they are given none */
enum { CHAT_DATE_ROOM = 32 };

#endif
