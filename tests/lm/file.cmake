include(${CMAKE_CURRENT_LIST_DIR}/../fuzz/fuzz.cmake)
set(DROVER_GOLDEN ${CMAKE_CURRENT_LIST_DIR}/../golden)
foreach(unit quant quant_encode safetensors gguf gguf_write ggufmodel hfconfig model_files model_files_weights unopened saved packed_model precision model_meta adapter slow_folder)
  drover_test(lm/${unit} NEEDS lm_file)
  target_compile_definitions(test_lm_${unit} PRIVATE GOLDEN="${DROVER_GOLDEN}")
endforeach()
drover_fuzz(safetensors NEEDS lm_file SEEDS
  golden/model/llama5/model.safetensors golden/model/mistral4/model-00002-of-00002.safetensors)
drover_fuzz(gguf NEEDS lm_file SEEDS golden/model/llama.gguf golden/model/qwen.gguf
  golden/model/every_quant.gguf)
drover_fuzz(hfconfig NEEDS lm_file SEEDS golden/model/llama5/config.json
  golden/model/qwen5/config.json golden/model/mistral4/config.json
  golden/model/mistral4/generation_config.json golden/model/reward4/config.json
  fuzz/seeds/hfconfig)
drover_fuzz(card NEEDS lm_file SEEDS fuzz/seeds/card.json)
drover_fuzz(adapter NEEDS lm_file SEEDS fuzz/seeds/adapter)
