/* How it works: the texts that a model folder of ours gets as its chat_template, one a family.
 * tests/golden/chat.py renders each with transformers beside our own renderers; a change here
 * needs its hash in chat_known.c, or our own folders would be refused. */

#include "lm/text/chat.h"

/* Llama 3.1 and 3.2 differ in where the date comes from. */
#define LLAMA_HEAD \
    "{{- '<|begin_of_text|>' }}\n" \
    "{%- if custom_tools is defined %}\n" \
    "    {%- set tools = custom_tools %}\n" \
    "{%- endif %}\n" \
    "{%- if not tools_in_user_message is defined %}\n" \
    "    {%- set tools_in_user_message = true %}\n" \
    "{%- endif %}\n"
#define LLAMA_TAIL \
    "{%- if not tools is defined %}\n" \
    "    {%- set tools = none %}\n" \
    "{%- endif %}\n" \
    "\n" \
    "{#- This block extracts the system message, so we can slot it into the" \
    " right place. #}\n" \
    "{%- if messages[0]['role'] == 'system' %}\n" \
    "    {%- set system_message = messages[0]['content']|trim %}\n" \
    "    {%- set messages = messages[1:] %}\n" \
    "{%- else %}\n" \
    "    {%- set system_message = \"\" %}\n" \
    "{%- endif %}\n" \
    "\n" \
    "{#- System message #}\n" \
    "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}\n" \
    "{%- if tools is not none %}\n" \
    "    {{- \"Environment: ipython\\n\" }}\n" \
    "{%- endif %}\n" \
    "{{- \"Cutting Knowledge Date: December 2023\\n\" }}\n" \
    "{{- \"Today Date: \" + date_string + \"\\n\\n\" }}\n" \
    "{%- if tools is not none and not tools_in_user_message %}\n" \
    "    {{- \"You have access to the following functions. To call a functio" \
    "n, please respond with JSON for a function call.\" }}\n" \
    "    {{- 'Respond in the format {\"name\": function name, \"parameters\": d" \
    "ictionary of argument name and its value}.' }}\n" \
    "    {{- \"Do not use variables.\\n\\n\" }}\n" \
    "    {%- for t in tools %}\n" \
    "        {{- t | tojson(indent=4) }}\n" \
    "        {{- \"\\n\\n\" }}\n" \
    "    {%- endfor %}\n" \
    "{%- endif %}\n" \
    "{{- system_message }}\n" \
    "{{- \"<|eot_id|>\" }}\n" \
    "\n" \
    "{#- Custom tools are passed in a user message with some extra guidance" \
    " #}\n" \
    "{%- if tools_in_user_message and not tools is none %}\n" \
    "    {#- Extract the first user message so we can plug it in here #}\n" \
    "    {%- if messages | length != 0 %}\n" \
    "        {%- set first_user_message = messages[0]['content']|trim %}\n" \
    "        {%- set messages = messages[1:] %}\n" \
    "    {%- else %}\n" \
    "        {{- raise_exception(\"Cannot put tools in the first user messag" \
    "e when there's no first user message!\") }}\n" \
    "{%- endif %}\n" \
    "    {{- '<|start_header_id|>user<|end_header_id|>\\n\\n' -}}\n" \
    "    {{- \"Given the following functions, please respond with a JSON for" \
    " a function call \" }}\n" \
    "    {{- \"with its proper arguments that best answers the given prompt." \
    "\\n\\n\" }}\n" \
    "    {{- 'Respond in the format {\"name\": function name, \"parameters\": d" \
    "ictionary of argument name and its value}.' }}\n" \
    "    {{- \"Do not use variables.\\n\\n\" }}\n" \
    "    {%- for t in tools %}\n" \
    "        {{- t | tojson(indent=4) }}\n" \
    "        {{- \"\\n\\n\" }}\n" \
    "    {%- endfor %}\n" \
    "    {{- first_user_message + \"<|eot_id|>\"}}\n" \
    "{%- endif %}\n" \
    "\n" \
    "{%- for message in messages %}\n" \
    "    {%- if not (message.role == 'ipython' or message.role == 'tool' or" \
    " 'tool_calls' in message) %}\n" \
    "        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id" \
    "|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}\n" \
    "    {%- elif 'tool_calls' in message %}\n" \
    "        {%- if not message.tool_calls|length == 1 %}\n" \
    "            {{- raise_exception(\"This model only supports single tool-" \
    "calls at once!\") }}\n" \
    "        {%- endif %}\n" \
    "        {%- set tool_call = message.tool_calls[0].function %}\n" \
    "        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}\n" \
    "        {{- '{\"name\": \"' + tool_call.name + '\", ' }}\n" \
    "        {{- '\"parameters\": ' }}\n" \
    "        {%- if tool_call.arguments is string %}\n" \
    "            {{- tool_call.arguments }}\n" \
    "        {%- else %}\n" \
    "            {{- tool_call.arguments | tojson }}\n" \
    "        {%- endif %}\n" \
    "        {{- \"}\" }}\n" \
    "        {{- \"<|eot_id|>\" }}\n" \
    "    {%- elif message.role == \"tool\" or message.role == \"ipython\" %}\n" \
    "        {{- \"<|start_header_id|>ipython<|end_header_id|>\\n\\n\" }}\n" \
    "        {%- if message.content is mapping or message.content is iterab" \
    "le %}\n" \
    "            {{- message.content | tojson }}\n" \
    "        {%- else %}\n" \
    "            {{- message.content }}\n" \
    "        {%- endif %}\n" \
    "        {{- \"<|eot_id|>\" }}\n" \
    "    {%- endif %}\n" \
    "{%- endfor %}\n" \
    "{%- if add_generation_prompt %}\n" \
    "    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n" \
    "{%- endif %}\n"

/* The families' own texts as their models carry them, with two changes: Llama 3.x and Qwen2.5
 * print arguments that are a string as they are, and BOS is a constant, so that the text
 * renders alike wherever it is read. */
static const char *const templates[CHATS] = {
    [CHAT_CHATML] = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n'"
                    " + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_gen"
                    "eration_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    [CHAT_SMOLLM2] = "{% for message in messages %}{% if loop.first and messages[0]['role'] "
                     "!= 'system' %}{{ '<|im_start|>system\n"
                     "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|"
                     "im_end|>\n"
                     "' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n"
                     "' + message['content'] + '<|im_end|>' + '\n"
                     "'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant"
                     "\n"
                     "' }}{% endif %}",
    [CHAT_QWEN2] = "{% for message in messages %}{% if loop.first and messages[0]['role'] "
                   "!= 'system' %}{{ '<|im_start|>system\n"
                   "You are a helpful assistant.<|im_end|>\n"
                   "' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n"
                   "' + message['content'] + '<|im_end|>' + '\n"
                   "'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant"
                   "\n"
                   "' }}{% endif %}",
    [CHAT_QWEN25] =
        "{%- if tools %}\n"
        "    {{- '<|im_start|>system\\n' }}\n"
        "    {%- if messages[0]['role'] == 'system' %}\n"
        "        {{- messages[0]['content'] }}\n"
        "    {%- else %}\n"
        "        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful"
        " assistant.' }}\n"
        "    {%- endif %}\n"
        "    {{- \"\\n\\n# Tools\\n\\nYou may call one or more functions to assist w"
        "ith the user query.\\n\\nYou are provided with function signatures withi"
        "n <tools></tools> XML tags:\\n<tools>\" }}\n"
        "    {%- for tool in tools %}\n"
        "        {{- \"\\n\" }}\n"
        "        {{- tool | tojson }}\n"
        "    {%- endfor %}\n"
        "    {{- \"\\n</tools>\\n\\nFor each function call, return a json object wi"
        "th function name and arguments within <tool_call></tool_call> XML tags"
        ":\\n<tool_call>\\n{\\\"name\\\": <function-name>, \\\"arguments\\\": <args-json-"
        "object>}\\n</tool_call><|im_end|>\\n\" }}\n"
        "{%- else %}\n"
        "    {%- if messages[0]['role'] == 'system' %}\n"
        "        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_en"
        "d|>\\n' }}\n"
        "    {%- else %}\n"
        "        {{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Clou"
        "d. You are a helpful assistant.<|im_end|>\\n' }}\n"
        "    {%- endif %}\n"
        "{%- endif %}\n"
        "{%- for message in messages %}\n"
        "    {%- if (message.role == \"user\") or (message.role == \"system\" and n"
        "ot loop.first) or (message.role == \"assistant\" and not message.tool_ca"
        "lls) %}\n"
        "        {{- '<|im_start|>' + message.role + '\\n' + message.content + '"
        "<|im_end|>' + '\\n' }}\n"
        "    {%- elif message.role == \"assistant\" %}\n"
        "        {{- '<|im_start|>' + message.role }}\n"
        "        {%- if message.content %}\n"
        "            {{- '\\n' + message.content }}\n"
        "        {%- endif %}\n"
        "        {%- for tool_call in message.tool_calls %}\n"
        "            {%- if tool_call.function is defined %}\n"
        "                {%- set tool_call = tool_call.function %}\n"
        "            {%- endif %}\n"
        "            {{- '\\n<tool_call>\\n{\"name\": \"' }}\n"
        "            {{- tool_call.name }}\n"
        "            {{- '\", \"arguments\": ' }}\n"
        "            {%- if tool_call.arguments is string %}\n"
        "                {{- tool_call.arguments }}\n"
        "            {%- else %}\n"
        "                {{- tool_call.arguments | tojson }}\n"
        "            {%- endif %}\n"
        "            {{- '}\\n</tool_call>' }}\n"
        "        {%- endfor %}\n"
        "        {{- '<|im_end|>\\n' }}\n"
        "    {%- elif message.role == \"tool\" %}\n"
        "        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role !"
        "= \"tool\") %}\n"
        "            {{- '<|im_start|>user' }}\n"
        "        {%- endif %}\n"
        "        {{- '\\n<tool_response>\\n' }}\n"
        "        {{- message.content }}\n"
        "        {{- '\\n</tool_response>' }}\n"
        "        {%- if loop.last or (messages[loop.index0 + 1].role != \"tool\")"
        " %}\n"
        "            {{- '<|im_end|>\\n' }}\n"
        "        {%- endif %}\n"
        "    {%- endif %}\n"
        "{%- endfor %}\n"
        "{%- if add_generation_prompt %}\n"
        "    {{- '<|im_start|>assistant\\n' }}\n"
        "{%- endif %}\n",
    [CHAT_LLAMA3] = "{% set loop_messages = messages %}{% for message in loop_messages %}{%"
                    " set content = '<|start_header_id|>' + message['role'] + '<|end_header"
                    "_id|>\n"
                    "\n"
                    "'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %"
                    "}{% set content = '<|begin_of_text|>' + content %}{% endif %}{{ conten"
                    "t }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>a"
                    "ssistant<|end_header_id|>\n"
                    "\n"
                    "' }}{% endif %}",
    [CHAT_LLAMA31] = LLAMA_HEAD "{%- if not date_string is defined %}\n"
                                "    {%- set date_string = \"26 Jul 2024\" %}\n"
                                "{%- endif %}\n" LLAMA_TAIL,
    [CHAT_LLAMA32] = LLAMA_HEAD "{%- if not date_string is defined %}\n"
                                "    {%- if strftime_now is defined %}\n"
                                "        {%- set date_string = strftime_now(\"%d %b %Y\") %}\n"
                                "    {%- else %}\n"
                                "        {%- set date_string = \"26 Jul 2024\" %}\n"
                                "    {%- endif %}\n"
                                "{%- endif %}\n" LLAMA_TAIL,
};

const char *chat_template(enum chat chat)
{
    return templates[chat];
}
