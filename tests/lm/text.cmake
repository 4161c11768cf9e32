add_executable(tokenize_lines lm/tokenize_lines.c) # for golden/tokenizer_parity.py
target_link_libraries(tokenize_lines PRIVATE lm_text)
