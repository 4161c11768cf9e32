add_executable(tokenize_lines lm/tokenize_lines.c) # for golden/tokenizer_parity.py, golden/chat.py
target_link_libraries(tokenize_lines PRIVATE lm_text)
add_executable(template_lines lm/template_lines.c) # for golden/template.py
target_link_libraries(template_lines PRIVATE lm_text)
foreach(unit tokenizer pieces pretoken template chat encode reading published)
  drover_test(lm/${unit} NEEDS lm_text PkgConfig::zlib)
  target_sources(test_lm_${unit} PRIVATE lm/golden.c)
  target_compile_definitions(test_lm_${unit} PRIVATE GOLDEN_FOLDER="${PROJECT_SOURCE_DIR}/tests/golden")
endforeach()
include(${CMAKE_CURRENT_LIST_DIR}/../fuzz/fuzz.cmake)
drover_fuzz(tokenizer NEEDS lm_text SEEDS fuzz/seeds/tokenizer_gpt2.json
  fuzz/seeds/tokenizer_split.json golden/tokenizer_qwen2.json)
drover_fuzz(spm NEEDS lm_text SEEDS golden/pieces_bpe.model golden/pieces_unigram.model)
drover_fuzz(chat NEEDS lm_text SEEDS fuzz/seeds/chat.json fuzz/seeds/chat_string.json)
drover_fuzz(template NEEDS lm_text SEEDS fuzz/seeds/template_loop.jinja fuzz/seeds/template_macro.jinja
  fuzz/seeds/template_words.jinja)
